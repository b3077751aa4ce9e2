/** The shapes of `/api/v1` that the administration alone reads. As in `types.ts`, times are RFC 3339 UTC, durations seconds. */

import type { Agent, Conversation, Presence, ReachedRule, Role, Signals, TimedTrigger } from "./types";

type Named = { id: string; name: string };

export interface Finding {
  severity: "error" | "warning";
  /** What was read: the rule files, the people's accounts, the bot's knowledge. */
  source?: "files" | "people" | "knowledge";
  file: string;
  line: number;
  column: number;
  message: string;
  help?: string;
}

/** What makes a rule run. */
export type Trigger = "message" | "agent_message" | "signals" | TimedTrigger;

export interface RuleBrief {
  name: string;
  file: string;
  line: number;
  last_line: number;
  on: Trigger;
  after?: number;
  /** How often it acted in the last 24 hours. */
  hits: number;
}

/** Which of the two rule sets a daemon may have. */
export type RuleSetName = "in_force" | "candidate";

export interface RulesStatus {
  hash: string;
  loaded_at: string;
  files: string[];
  rules: number;
  findings: Finding[];
  /** In the order in which they are tried. */
  set: RuleBrief[];
  /** The rules that are compared with those in force, if a folder holds any. */
  candidate?: CandidateStatus;
}

/** Without `hash` it does not load, and `findings` say why. */
export interface CandidateStatus {
  hash?: string;
  loaded_at: string;
  rules: number;
  findings: Finding[];
  /** Of what was decided since `loaded_at`. */
  report?: Report;
}

/** What would be different under other rules. */
export interface Report {
  messages: number;
  unchanged: number;
  by_another_rule: number;
  changed: number;
  /** Also where `before` is `after`. */
  destinations: Moved[];
  priorities: Moved[];
  actions: { action: string; no_longer: number; newly: number }[];
  rules: { rule: string; before: number; after: number }[];
  changes: Change[];
}

export interface Moved {
  before: string;
  after: string;
  messages: number;
}

export type Aspect = "destination" | "priority" | "skills" | "confidence" | "actions" | "rule";

/** `what` differs first of all; of skills, actions and rules only the examples say how. */
export interface Change extends Moved {
  what: Aspect;
  examples: Example[];
}

export interface Example {
  /** `/messages/{id}/why` explains it. */
  id: string;
  at: string;
  channel: string;
  text: string;
  differences: { what: Aspect; before: string; after: string }[];
}

export interface RuleFiles {
  hash: string;
  items: { name: string; text: string }[];
}

/** What the rules would do with a message that nobody wrote. */
export interface Tried {
  rule_set: string;
  signals: Signals;
  rules: ReachedRule[];
  not_reached: number;
  outcome: string;
  destination: string;
  /** What the bot would say. */
  answer?: { text: string; file: string; question: string; score: number };
  facts: unknown;
}

export interface Decision {
  /** `/messages/{id}/why` explains it. */
  id: string;
  at: string;
  on: Trigger;
  after?: number;
  conversation: string;
  channel: string;
  customer?: string;
  text: string;
  rule: string;
  destination: string;
  tags: string[];
  /** The action that heard the message, so that it did not go there. */
  heard?: string;
}

/** How an agent stands to a conversation that waits. */
export type Standing =
  | { type: "not_waiting"; held_by?: Named }
  | { type: "offered"; until: string }
  | { type: "offered_to"; agent: Named; until: string; chosen: Chosen }
  /** Without hindrances nothing stands in the way. */
  | { type: "hindered"; hindrances: Hindrance[] };

/** Why the one was asked and not another. */
export type Chosen = "reserved" | "previous_agent" | "longest_idle" | "least_loaded" | "most_skilled";

export type Hindrance =
  | { type: "unknown" }
  | { type: "inactive" }
  | { type: "not_online"; presence: Exclude<Presence, "online"> }
  | { type: "not_member"; queue: string }
  | { type: "skill"; skill: string; needs: number; has: number }
  | { type: "capacity"; load: number; capacity: number; weight: number }
  | { type: "cap"; kind: string; cap: number }
  | { type: "reserved"; agent: Named; until: string }
  | { type: "closed"; until?: string | null }
  | { type: "cooling_down"; until: string };

export interface Candidate {
  agent: Named;
  fits: boolean;
  /** In English. */
  because: string[];
  standing: Standing;
}

/** A conversation that waits, and why. */
export interface Waits {
  conversation: Conversation;
  /** The customer's own last words at the handoff. */
  summary?: string;
  queue: string;
  position: number;
  /** Since the first enqueue. */
  waited: number;
  /** The sum of its parts, each seconds. */
  score: number;
  parts: { waited: number; priority: number; sla: number };
  offered?: { agent: Named; until: string };
  kept_for?: { agent: Named; until: string };
  /** There if the queue is closed; `null` if nobody knows until when. */
  closed_until?: string | null;
  /** How many people serve the queue. */
  members: number;
  /** Of them, whom what keeps from it; the same one may count more than once. */
  hindered: { not_online: number; skill: number; capacity: number; cooling_down: number };
  /** `have`: how many members have the skill at that level. */
  missing: { skill: string; needs: number; have: number }[];
}

export interface Board {
  at: string;
  /** By queue, then position. */
  waiting: Waits[];
  agents: (Agent & { conversations?: number })[];
}

export interface DeadLetter {
  id: string;
  at: string;
  kind: "turn" | "outbound";
  reason: string;
  channel: string;
  text: string;
}

export interface Token {
  id: number;
  name: string;
  role: Role;
  made_at: string;
}

/** Where every message is. `findings` says in words what does not add up, `uncounted` what is missing and why. */
export interface Ledger {
  accepted: number;
  decided: number;
  waiting: number;
  dead: number;
  redriven: number;
  /** By state, in the order of `deliveryStates`. */
  outbound: number[];
  findings: string[];
  uncounted: string[];
}
