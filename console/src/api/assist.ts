/** The shapes of agent assist. */

import { get, post, query } from "./client";
import type { Entry } from "./types";

export type LineKind = "wants" | "action" | "answer" | "handed_over" | "agent_action" | "mood" | "customer" | "earlier";

export interface Line {
  kind: LineKind;
  text: string;
  details?: { title: string; value: string }[];
  /** The entry that it was read from. */
  entry?: string;
}

export interface Passage {
  title: string;
  text: string;
  language: string;
  file: string;
  score: number;
}

export interface ActionBrief {
  name: string;
  title: string;
  about: string;
  /** Whether it changes something. */
  effect: boolean;
  /** Whether the agent has to check first who the customer is. */
  needs_check: boolean;
}

/** A conversation in a few sentences, which a model wrote for an agent. */
export interface Recap {
  text: string;
  by: string;
  at: string;
  /** Whether nothing has happened since it was read. */
  current: boolean;
}

export interface Assist {
  summary: Line[];
  recap?: Recap;
  may_summarise: boolean;
  passages: Passage[];
  replies: { name: string; text: string }[];
  actions: ActionBrief[];
  may_act: boolean;
  under_way?: { action: string; by: string; since: string };
}

export type Value = string | number | boolean | null | Value[] | { [name: string]: Value };
export type FieldProblem = "not_fitting" | "not_offered" | "none_offered" | "failed";

export interface Field {
  name: string;
  title: string;
  type: "text" | "number" | "email" | "phone" | "date" | "moment" | "choice";
  ask: string;
  value?: Value;
  shown?: string;
  choices?: { value: Value; title: string }[];
  problem?: FieldProblem;
  /** What the file says of the problem. */
  says?: string;
}

export interface ActionForm extends ActionBrief {
  inputs: Field[];
  ready: boolean;
  /** What has to be said yes to. */
  confirm?: string;
}

export interface Filled {
  inputs?: Record<string, Value>;
  checked: boolean;
  language: string;
}

const id = encodeURIComponent;
const actionPath = (conversation: string, action: string) => `/conversations/${id(conversation)}/actions/${id(action)}`;

export const loadAssist = (conversation: string, language: string) => get<Assist>(`/conversations/${id(conversation)}/assist${query({ language })}`);

export const summarise = (conversation: string, language: string) => post<Recap>(`/conversations/${id(conversation)}/summary`, { language });

export const fillIn = (conversation: string, action: string, filled: Filled) => post<ActionForm>(`${actionPath(conversation, action)}/form`, filled);

export const act = (conversation: string, action: string, filled: Filled & { confirmed: string; client_id: string }) => post<Entry>(actionPath(conversation, action), filled);
