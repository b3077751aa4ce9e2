/** What the console knows, as one plain value. Only `reduce` makes the next one. */

import type { Agent, Attachment, Box, Citation, Conversation, Customer, Entry, Handoff, LiveEvent, Me, Offer, Queue } from "../api/types";

/** How the live connection is: before the first `hello`, fine, or trying again. */
export type Link = "connecting" | "live" | "reconnecting";

/** What one conversation has beyond its summary. */
export interface Detail {
  attributes: Record<string, string>;
  thread: string;
  ticket_url?: string;
  ticket_subject?: string;
  handoff?: Handoff;
}

/** Entries in the daemon's order, oldest first. `more`: older ones exist. */
export interface Journal {
  entries: Entry[];
  more: boolean;
}

/** A reply or note on its way: shown at once, dropped when the live connection brings its entry. */
export interface Sending {
  client_id: string;
  conversation: string;
  kind: "reply" | "note";
  text: string;
  attachments: Attachment[];
  citation?: Citation;
  at: string;
  /** The daemon's answer, until the entry shows up in the journal. */
  entry?: Entry;
  /** Why it was refused; nothing more happens until a person tries again. */
  refused?: string;
}

/** How far into one box the lists on the screen reach. `floor`: the oldest that was fetched; what is older has gaps. */
export interface BoxState {
  next?: string;
  floor?: string;
}

/** How far the agent has read a conversation. */
export interface Seen {
  at: string;
  messages: number;
}

export interface State {
  me: Agent | null;
  link: Link;
  conversations: Record<string, Conversation>;
  details: Record<string, Detail>;
  boxes: Partial<Record<Box, BoxState>>;
  /** By conversation id, or `customer:` and the customer's id for all channels together. */
  journals: Record<string, Journal>;
  sending: Sending[];
  offers: Offer[];
  queues: Queue[];
  agents: Record<string, Agent>;
  customers: Record<string, Omit<Customer, "conversations"> & { conversations: string[] }>;
  /** Until when (daemon's time, ms) the customer of a conversation counts as writing. */
  typing: Record<string, number>;
  seen: Record<string, Seen>;
  /** Since when the customer waits for an answer: the first of the messages since the last outbound. */
  asked: Record<string, string>;
  findings: number;
  /** Counts live events. An answer is as of the number at which it was asked for. */
  seq: number;
  /** Conversation, entry or offer id to the number of the live event that spoke of it last. */
  stamps: Record<string, number>;
}

export type Page = { entries: Entry[]; more: boolean };

/** `asOf` is `seq` when the request was made: an answer never overwrites what a live event said after that. */
export type Action =
  | { type: "signed_in"; me: Me; seen: Record<string, Seen>; sending: Sending[] }
  | { type: "signed_out" }
  | { type: "link"; link: Link }
  | { type: "live"; event: LiveEvent; now: number }
  | { type: "me"; agent: Agent }
  | { type: "box"; box: Box; items: Conversation[]; next?: string | undefined; before?: string | undefined; asOf: number }
  | { type: "conversation"; conversation: Conversation; asOf: number }
  | { type: "detail"; id: string; detail: Detail }
  | { type: "customer"; customer: Customer; asOf: number }
  | { type: "newest"; key: string; page: Page; asOf: number }
  | { type: "older"; key: string; page: Page }
  | { type: "entry"; entry: Entry; asOf: number }
  | { type: "offers"; items: Offer[]; asOf: number }
  | { type: "offer_answered"; offer: string }
  | { type: "queues"; items: Queue[] }
  | { type: "agents"; items: Agent[] }
  | { type: "sending"; sending: Sending }
  | { type: "sent"; client_id: string; entry: Entry }
  | { type: "refused"; client_id: string; reason: string }
  | { type: "retry"; client_id: string }
  | { type: "discarded"; client_id: string }
  | { type: "seen"; conversation: string };

/** How long a `typing` event holds, ms. */
export const TYPING_MS = 6_000;

export const empty: State = {
  me: null,
  link: "connecting",
  conversations: {},
  details: {},
  boxes: {},
  journals: {},
  sending: [],
  offers: [],
  queues: [],
  agents: {},
  customers: {},
  typing: {},
  seen: {},
  asked: {},
  findings: 0,
  seq: 0,
  stamps: {},
};
