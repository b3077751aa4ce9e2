/** Unsent words, kept in this browser per agent and conversation: they survive a reload and an expired session. */

import type { Attachment, Citation } from "../api/types";
import { store, stored } from "../lib/storage";
import { read } from "./store";

export interface Draft {
  kind: "reply" | "note";
  text: Record<"reply" | "note", string>;
  /** Uploaded already, to go with the reply. */
  attachments: Attachment[];
  /** What the reply was taken from. */
  source?: Citation | undefined;
}

const none: Draft = { kind: "reply", text: { reply: "", note: "" }, attachments: [] };

const key = (conversation: string) => `draft.${read().me?.id ?? ""}.${conversation}`;

export function draftOf(conversation: string): Draft {
  return { ...none, ...stored<Draft>(key(conversation)) };
}

export function keepDraft(conversation: string, draft: Draft): void {
  const blank = !draft.text.reply && !draft.text.note && draft.attachments.length === 0;
  store(key(conversation), blank ? undefined : draft);
}

export function hasDraft(conversation: string): boolean {
  return stored(key(conversation)) !== undefined;
}

/** A draft with a suggested text behind what is written already. */
export function withSuggestion(draft: Draft, text: string, source?: Citation): Draft {
  const before = draft.text.reply.trimEnd();
  return { ...draft, kind: "reply", text: { ...draft.text, reply: before ? `${before}\n\n${text}` : text }, source: source ?? draft.source };
}

type Inserted = (text: string, source: Citation | undefined) => void;
const composers = new Map<string, Inserted>();

/** Tells the composer of a conversation what is suggested; the answer ends that. */
export function whenInserted(conversation: string, then: Inserted): () => void {
  composers.set(conversation, then);
  return () => {
    if (composers.get(conversation) === then) composers.delete(conversation);
  };
}

/** Makes a text a part of the reply that is being written. It is never sent by itself. */
export function insertReply(conversation: string, text: string, source?: Citation): void {
  const composer = composers.get(conversation);
  if (composer) composer(text, source);
  else keepDraft(conversation, withSuggestion(draftOf(conversation), text, source));
}
