/**
 * The shapes of `/api/v1`, as the daemon sends them. Times are RFC 3339 UTC strings, durations seconds.
 * Ids are opaque: a message's entry has the message's id, a reply's entry the outbound's.
 */

import type { Value } from "./assist";

export type Owner = "bot" | "queue" | "agent" | "closed";
export type Role = "agent" | "supervisor" | "admin";
export type Presence = "online" | "away" | "offline";
export type Priority = "low" | "normal" | "high" | "urgent";
export const deliveryStates = ["pending", "sending", "sent", "delivered", "read", "failed", "unknown", "held"] as const;
export type DeliveryState = (typeof deliveryStates)[number];
export type SentimentLabel = "very_negative" | "negative" | "neutral" | "positive" | "very_positive";
export type Box = "mine" | "queued" | "open" | "closed";

export interface Agent {
  id: string;
  login: string;
  name: string;
  role: Role;
  languages: string[];
  /** Skill to level, 1 to 5. */
  skills: Record<string, number>;
  queues: string[];
  capacity: number;
  active: boolean;
  presence: Presence;
  load: number;
  /** How many closed conversations they still finish up; their load is part of `load`. */
  finishing_up?: number;
}

export interface Me {
  agent: Agent;
  csrf: string;
}

export interface Signal<T> {
  value: T;
  /** 0 to 1. */
  confidence: number;
  known: boolean;
  /** The words that made the classifier say so. */
  terms?: string[];
}

export interface Signals {
  language: Signal<string>;
  sentiment: Signal<SentimentLabel> & { score: number };
  urgency: Signal<number>;
  complaint: Signal<number>;
  churn_risk: Signal<number>;
  wants_human: Signal<number>;
  thanks?: Signal<number>;
  spam?: Signal<number>;
  intent?: Signal<string>;
  topics?: string[];
  automatic: boolean;
  entities?: { kind: string; text: string }[];
  model: string;
}

/** Stored (`hash`), linked (`url`), or still with the platform (`reference`), with the reason where it will stay there. */
export interface Attachment {
  name: string;
  media_type: string;
  hash?: string;
  size?: number;
  url?: string;
  reference?: string;
  problem?: string;
}

export interface Button {
  title: string;
  postback?: string;
  url?: string;
}

/** What the bot showed beside its words. */
export interface Card {
  title: string;
  text?: string;
  image?: string;
  price?: string;
  link?: string;
  buttons?: Button[];
}

export interface Body {
  text: string;
  subject?: string;
  attachments?: Attachment[];
  /** The whole as it came, where the text is only a part of it. */
  original?: Attachment;
  location?: { latitude: number; longitude: number; name?: string };
  buttons?: Button[];
  cards?: Card[];
}

export type EntryAuthor =
  | { type: "customer" }
  | { type: "bot" }
  | { type: "agent"; id?: string; name: string }
  | { type: "system" };

/** A section of the knowledge base that a reply was taken from. */
export interface Citation {
  file: string;
  question: string;
  /** How well it fits, 0 to 1. */
  score: number;
}

export interface Delivery {
  state: DeliveryState;
  error?: string;
  attempts: number;
  /** What it waits for, where it is held. */
  held_for?: "channel" | "customer";
}

export type EntryEvent =
  | { type: "opened" }
  | { type: "related"; conversation: string }
  | { type: "reopened" }
  | { type: "closed"; by: string }
  | { type: "returned_to_bot"; by: string }
  | { type: "queued"; queue: string; reason: string; priority: Priority; rule?: string }
  | { type: "offered"; agent: string; offer: string }
  | { type: "accepted"; agent: string }
  | { type: "declined"; agent: string }
  | { type: "expired"; agent: string }
  | { type: "withdrawn"; agent: string }
  | { type: "taken_back"; agent: string }
  | { type: "queue_closed"; queue: string }
  | { type: "escalated"; after: number; queue?: string | null; priority?: Priority | null }
  | { type: "transferred"; by: string; queue: string; agent?: string | null }
  | { type: "taken_over"; by: string; agent: string }
  | { type: "tagged"; add: string[]; remove: string[]; by: string }
  | { type: "action_begun"; action: string }
  | { type: "action_called"; action: string; outcome: string; millis?: number }
  | { type: "action_ended"; action: string; how: string; inputs?: Record<string, Value> }
  | { type: "agent_acts"; action: string; by: string; inputs: Record<string, Value>; checked: boolean }
  | { type: "agent_acted"; action: string; by: string; outcome: string; how: string; outputs?: Record<string, Value>; told?: string }
  | { type: "verification_asked"; by: string; to: string }
  | { type: "verification_passed"; by: string; to: string }
  | { type: "verification_failed"; how: string; to: string }
  | { type: "ticket_given"; number: number }
  | ({ type: "model_thought" } & Thought)
  | ({ type: "summarised"; by: string; language: string; text?: string } & Thought)
  | { type: "merged"; from: string; into: string; by: string }
  | { type: "unmerged"; from: string; into: string; by: string }
  | { type: "satisfaction_asked"; template: string }
  | { type: "rated"; rating: number; instead?: number; comment?: string }
  | { type: "commented" };

/** What time alone brings about. */
export type TimedTrigger = "waiting" | "idle" | "closed" | "sla_risk";

/** What the journal says of a model's turn. */
export interface Thought {
  /** The message that it was asked about. */
  of: string;
  persona: string;
  model: string;
  how: string;
  steps: number;
  tokens: number;
  millis: number;
  /** Millionths of the currency. */
  micros?: number;
  /** Absent where no price is known. */
  currency?: string;
  /** The passages of knowledge that it was given. */
  passages?: string[];
  /** The tools that it called. */
  tools?: string[];
}

/** A section of the knowledge. */
export interface Citation {
  file: string;
  question: string;
  score: number;
}

export interface Entry {
  id: string;
  at: string;
  conversation: string;
  /** `refined`: a second opinion on the message `of`. `fired`: rules that time alone made run, `on` what, `after` so many seconds. */
  kind: "message" | "reply" | "note" | "event" | "refined" | "fired";
  author: EntryAuthor;
  body?: Body;
  /** Whether it also has a page that can be shown. */
  page?: boolean;
  content?: "message" | "postback" | "reaction" | "edit" | "delete" | "bounce" | "other";
  external_id?: string;
  /** The `external_id` of the message that was reacted to, changed or taken back. */
  about?: string;
  of?: string;
  on?: TimedTrigger;
  after?: number;
  signals?: Signals;
  decision?: { rule: string; destination: string; tags: string[]; heard?: string };
  delivery?: Delivery;
  citation?: Citation;
  /** Where else a model took its answer from. */
  also?: Citation[];
  event?: EntryEvent;
  /** The key under which its writer sent it; live events alone tell. */
  client_id?: string;
}

export interface Conversation {
  id: string;
  channel: string;
  kind: string;
  subject?: string;
  /** The number by which people name it, from its first handoff on: 10023 for #10023. */
  ticket?: number;
  owner: Owner;
  epoch: number;
  queue?: string;
  agent?: { id: string; name: string };
  priority: Priority;
  tags: string[];
  language: string;
  customer: { id: string; name?: string; verified: boolean };
  mood: { average: number; slope: number; negatives_in_a_row: number };
  last: { at: string; author: EntryAuthor; text: string };
  opened_at: string;
  waiting_since?: string;
  position?: number;
  messages: number;
  bot_turns: number;
}

export interface Handoff {
  queue: string;
  reason: string;
  summary: string;
  rule?: string;
  /** The entry that it was decided in. */
  decided_in?: string;
  priority: Priority;
  /** `relax`: after so many seconds of waiting the level is `min`, or none. */
  skills: { skill: string; min: number; hard: boolean; relax?: { after: number; min?: number | null }[] }[];
  at: string;
}

export interface Merge {
  id: string;
  from: string;
  into: string;
  identifier: string;
  at: string;
  undone_at?: string;
}

export interface Customer {
  id: string;
  name?: string;
  language?: string;
  tier?: string;
  verified: boolean;
  addresses: { space: string; handle: string }[];
  identifiers: { kind: "email" | "phone"; value: string; verified: boolean }[];
  attributes: Record<string, string>;
  first_seen: string;
  last_seen: string;
  conversations: Conversation[];
  merges: Merge[];
}

export interface ConversationDetail extends Conversation {
  attributes: Record<string, string>;
  /** Where the customer sees how their ticket stands, and what it was opened for. */
  ticket_url?: string;
  ticket_subject?: string;
  handoff?: Handoff;
  thread: string;
  contact: Customer;
}

export interface Offer {
  id: string;
  conversation: Conversation;
  /** The customer's own last words at the handoff. */
  summary: string;
  epoch: number;
  queue: string;
  made_at: string;
  expires_at: string;
}

export interface Queue {
  name: string;
  /** Language to title. */
  title: Record<string, string>;
  waiting: number;
  longest_wait: number;
  agents_online: number;
  agents_free: number;
  estimated_wait?: number;
}

export interface ReachedRule {
  name: string;
  file: string;
  /** Its lines in the file, both included. */
  line: number;
  last_line?: number;
  matched: boolean;
  when?: string;
  values: { expression: string; value: string }[];
  actions: string[];
}

export interface Explanation {
  message: string;
  conversation: string;
  at: string;
  text: string;
  rule_set: string;
  /** One sentence, in English. */
  outcome: string;
  /** Where it led, in the daemon's words; a daemon that does not tell leaves it to be read off the rules. */
  destination?: string;
  /** The action that heard the message, so that it did not go there. */
  heard?: string;
  signals: Signals;
  rules: ReachedRule[];
  not_reached: number;
  facts: unknown;
  model?: Thought;
}

export type LiveEvent =
  | { type: "hello"; me: Agent; offers: Offer[]; queues: Queue[]; rules: { hash: string; findings: number } }
  | { type: "offer"; offer: Offer }
  | { type: "offer_ended"; offer: string; state: "accepted" | "declined" | "expired" | "withdrawn" }
  | { type: "conversation"; conversation: Conversation }
  | { type: "entry"; entry: Entry }
  | { type: "delivery"; conversation: string; outbound: string; delivery: Delivery }
  | { type: "typing"; conversation: string }
  | { type: "agent"; agent: Agent }
  | { type: "queues"; queues: Queue[] }
  | { type: "rules"; hash: string; findings: number }
  | { type: "missed" }
  | { type: "pong" };
