/** The conversation as a list of things to show, in order. Pure. */

import type { Pending } from "./outbox";
import type { Author, Button, Card, Entry, SharedFile } from "./protocol";

export type Item =
  | { kind: "day"; key: string; at: number }
  | { kind: "notice"; key: string; text: string; at: number }
  | Message;

export interface Message {
  kind: "message";
  /** Stays the same from writing to arrival. */
  key: string;
  author: Author;
  text: string;
  at: number;
  files: SharedFile[];
  buttons: Button[];
  cards: Card[];
  location?: Entry["location"];
  state: "sent" | "sending" | "failed";
  /** Of messages by one author in a row. */
  first: boolean;
  last: boolean;
}

/** Messages by one author within this many milliseconds belong together. */
const TOGETHER = 5 * 60_000;

/**
 * Entries, then what is on its way. Only the newest entry still offers its buttons; those of cards stay, because they say
 * what they mean by themselves.
 */
export function transcript(entries: Entry[], pending: Pending[]): Item[] {
  const newest = pending.length ? undefined : entries.at(-1);
  const messages = [
    ...entries.map((entry) => arrived(entry, entry === newest)),
    ...pending.map(leaving),
  ];
  const items: Item[] = [];
  let before: Message | undefined;
  for (const message of messages) {
    if (!before || day(before.at) !== day(message.at)) {
      items.push({ kind: "day", key: `day ${day(message.at)}`, at: message.at });
      before = undefined;
    }
    if (message.author.type === "system" && !message.files.length && !message.buttons.length && !message.cards.length) {
      items.push({ kind: "notice", key: message.key, text: message.text, at: message.at });
      before = message;
      continue;
    }
    const together = before && voice(before.author) === voice(message.author) && message.at - before.at < TOGETHER;
    if (together) before!.last = false;
    message.first = !together;
    items.push(message);
    before = message;
  }
  return items;
}

/** What the bot has written so far, as the message that it will be. */
export function unfinished(text: string, at: number): Message {
  return {
    kind: "message",
    key: WRITING,
    author: { type: "bot" },
    text,
    at,
    files: [],
    buttons: [],
    cards: [],
    state: "sending",
    first: true,
    last: false,
  };
}

/** The key of an answer that is being written. */
export const WRITING = "writing";

function arrived(entry: Entry, newest: boolean): Message {
  return {
    kind: "message",
    key: entry.message ?? entry.id,
    author: entry.author,
    text: entry.text,
    at: Date.parse(entry.at),
    files: entry.attachments ?? [],
    buttons: (entry.buttons ?? []).filter((button) => newest || button.url),
    cards: entry.cards ?? [],
    ...(entry.location && { location: entry.location }),
    state: "sent",
    first: true,
    last: true,
  };
}

function leaving(message: Pending): Message {
  return {
    kind: "message",
    key: message.id,
    author: { type: "customer" },
    text: message.text,
    at: message.at,
    files: message.attachments.map(({ name, media_type, size }) => ({ name, media_type, size, url: "" })),
    buttons: [],
    cards: [],
    state: message.failed ? "failed" : "sending",
    first: true,
    last: true,
  };
}

function voice(author: Author): string {
  return author.type === "agent" ? `agent ${author.name}` : author.type;
}

/** The visitor's own calendar day. */
function day(at: number): string {
  return new Date(at).toDateString();
}
