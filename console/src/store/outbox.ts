/**
 * Sends replies and notes: shown at once, one after the other per conversation, tried again until the daemon has answered.
 * The client id makes a second try harmless; what waits is kept in this browser, so that a reload loses nothing.
 */

import { ApiError, post } from "../api/client";
import type { Attachment, Citation, Entry } from "../api/types";
import { store, stored } from "../lib/storage";
import { backoff } from "../live/socket";
import type { Sending } from "./state";
import { dispatch, read, subscribe } from "./store";

const working = new Set<string>();
let kept: Sending[] | undefined;

const storageKey = (agent: string) => `outbox.${agent}`;

/** What this agent had on its way when the page was left. */
export function keptSendings(agent: string): Sending[] {
  return (stored<Sending[]>(storageKey(agent)) ?? []).map(({ entry: _, ...sending }) => sending);
}

subscribe(() => {
  const { me, sending } = read();
  if (!me || sending === kept) return;
  kept = sending;
  const waiting = sending.filter((each) => !each.entry);
  store(storageKey(me.id), waiting.length > 0 ? waiting : undefined);
});

/** `citation`: the section of the knowledge base that a reply was taken from. */
export function send(conversation: string, kind: "reply" | "note", text: string, attachments: Attachment[], citation?: Citation): void {
  const from = citation ? { citation } : {};
  dispatch({ type: "sending", sending: { client_id: newId(), conversation, kind, text, attachments, ...from, at: new Date().toISOString() } });
  void work(conversation);
}

/** A key that nobody else has. */
export const newId = (): string => crypto.randomUUID?.() ?? fallbackId();

/** `randomUUID` exists only on https and localhost. */
function fallbackId(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function retry(sending: Sending): void {
  dispatch({ type: "retry", client_id: sending.client_id });
  void work(sending.conversation);
}

export function discard(sending: Sending): void {
  dispatch({ type: "discarded", client_id: sending.client_id });
}

/** Goes on with everything that waits, as after a login. */
export function resume(): void {
  for (const conversation of new Set(read().sending.map((each) => each.conversation))) void work(conversation);
}

const nextOf = (conversation: string) =>
  read().sending.find((each) => each.conversation === conversation && !each.entry && each.refused === undefined);

async function work(conversation: string): Promise<void> {
  if (working.has(conversation)) return;
  working.add(conversation);
  try {
    for (let attempt = 0, next = nextOf(conversation); next && read().me; next = nextOf(conversation)) {
      const failure = await tried(next);
      attempt = failure ? attempt + 1 : 0;
      if (failure) await pause(Math.max(backoff(attempt, Math.random()), (failure.retryAfter ?? 0) * 1_000));
    }
  } finally {
    working.delete(conversation);
  }
}

const pause = (ms: number) => new Promise((done) => window.setTimeout(done, ms));

/** Settles it, one way or the other, or gives what was in the way this time. An expired session leaves it waiting for the next login. */
async function tried(sending: Sending): Promise<ApiError | undefined> {
  const path = `/conversations/${encodeURIComponent(sending.conversation)}/${sending.kind === "reply" ? "replies" : "notes"}`;
  const { client_id, text, citation } = sending;
  const from = citation ? { citation } : {};
  const files = sending.attachments.length > 0 ? { attachments: sending.attachments } : {};
  try {
    dispatch({ type: "sent", client_id, entry: await post<Entry>(path, { text, client_id, ...files, ...from }) });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.passes || error.status === 401) return error;
    dispatch({ type: "refused", client_id, reason: error.message || error.code });
  }
  return undefined;
}
