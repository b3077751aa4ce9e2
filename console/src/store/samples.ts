/** Small values for tests. */

import type { Agent, Conversation, Entry, Offer } from "../api/types";
import type { Key } from "../i18n/en";
import { moment, money, number, span, text } from "../i18n/format";
import type { Language, Values } from "../i18n/format";
import { empty } from "./state";
import type { Sending, State } from "./state";

/** The texts and times of a language, as components get them. */
export const wordsIn = (language: Language) => ({
  language,
  t: (key: Key, values?: Values) => text(language, key, values),
  span: (seconds: number) => span(language, seconds),
  moment: (when: string, now: number) => moment(language, when, now),
  number: (value: number) => number(language, value),
  money: (micros: number, currency: string) => money(language, micros, currency),
});

/** The `n`th second of a day. */
export const at = (n: number) => new Date(Date.UTC(2026, 0, 5) + n * 1_000).toISOString();

export const mei: Agent = {
  id: "agt_mei",
  login: "mei",
  name: "Mei",
  role: "agent",
  languages: ["zh-Hans"],
  skills: {},
  queues: ["care"],
  capacity: 100,
  active: true,
  presence: "online",
  load: 0,
};

export function conversation(id: string, change: Partial<Conversation> = {}): Conversation {
  return {
    id,
    channel: "shop",
    kind: "webchat",
    owner: "agent",
    epoch: 1,
    agent: { id: mei.id, name: mei.name },
    priority: "normal",
    tags: [],
    language: "en",
    customer: { id: "cus_1", verified: false },
    mood: { average: 0, slope: 0, negatives_in_a_row: 0 },
    last: { at: at(0), author: { type: "customer" }, text: "hello" },
    opened_at: at(0),
    messages: 1,
    bot_turns: 0,
    ...change,
  };
}

export function message(id: string, n = 0, change: Partial<Entry> = {}): Entry {
  return { id, at: at(n), conversation: "cnv_1", kind: "message", author: { type: "customer" }, body: { text: id }, ...change };
}

export function reply(id: string, text: string, change: Partial<Entry> = {}): Entry {
  return message(id, 0, { kind: "reply", author: { type: "agent", id: mei.id, name: mei.name }, body: { text }, delivery: { state: "pending", attempts: 0 }, ...change });
}

export function sending(client_id: string, text: string, change: Partial<Sending> = {}): Sending {
  return { client_id, conversation: "cnv_1", kind: "reply", text, attachments: [], at: at(0), ...change };
}

export function offer(id: string, of: Conversation): Offer {
  return { id, conversation: of, epoch: of.epoch, queue: "care", summary: "", made_at: at(0), expires_at: at(30) };
}

/** Mei's console, with one open conversation whose journal is loaded. */
export function started(change: Partial<State> = {}): State {
  return { ...empty, me: mei, conversations: { cnv_1: conversation("cnv_1") }, journals: { cnv_1: { entries: [], more: false } }, ...change };
}
