/** Unsent words, kept in this browser per agent and conversation: they survive a reload and an expired session. */

import type { Attachment } from "../api/types";
import { store, stored } from "../lib/storage";
import { read } from "./store";

export interface Draft {
  kind: "reply" | "note";
  text: Record<"reply" | "note", string>;
  /** Uploaded already, to go with the reply. */
  attachments: Attachment[];
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
