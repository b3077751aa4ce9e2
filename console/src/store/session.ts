/** Login, logout, and the live connection that a session has. */

import { ApiError, call, get, post, useCsrf, whenExpired } from "../api/client";
import type { LiveEvent, Me } from "../api/types";
import { serverNow } from "../lib/clock";
import { store, stored } from "../lib/storage";
import { LiveConnection } from "../live/socket";
import { loadAgents, loadBox, loadConversation, loadCustomer, loadNewest, loadOffers, loadQueues } from "./actions";
import { keptSendings, resume } from "./outbox";
import type { Seen } from "./state";
import { dispatch, read, subscribe } from "./store";

type Listener = (event: LiveEvent) => void;

const listeners = new Set<Listener>();
let connection: LiveConnection | undefined;
let shown: () => { conversation?: string; customer?: string } = () => ({});
let queuedCheck: number | undefined;
let impatient: number | undefined;
let keptSeen: Record<string, Seen> = {};

/** How long the first lists wait for the live connection, so that nothing happens unseen between the two, ms. */
const HELLO_WITHIN_MS = 1_500;

/** What happens to a conversation that changes more of it than its summary tells. */
const deep = new Set(["queued", "escalated", "transferred", "taken_over", "merged", "unmerged"]);

/** Live events after the store has them, for alerts. */
export function onLive(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Tells what is on the screen, so that it can be fetched again after a gap. */
export function whatIsShown(tell: typeof shown): void {
  shown = tell;
}

const seenKey = (agent: string) => `seen.${agent}`;

function begin(me: Me): void {
  left = false;
  useCsrf(me.csrf);
  keptSeen = stored<Record<string, Seen>>(seenKey(me.agent.id)) ?? {};
  dispatch({ type: "signed_in", me, seen: keptSeen, sending: keptSendings(me.agent.id) });
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  connection = new LiveConnection({
    url: `${scheme}://${location.host}/api/v1/live`,
    onEvent: received,
    onLost: () => dispatch({ type: "link", link: "reconnecting" }),
    onRefused: () => void get<Me>("/me").catch(() => undefined),
  });
  impatient = window.setTimeout(() => void refresh(), HELLO_WITHIN_MS);
  resume();
}

function end(): void {
  connection?.close();
  connection = undefined;
  window.clearTimeout(queuedCheck);
  window.clearTimeout(impatient);
  dispatch({ type: "signed_out" });
}

/** Fetches again everything that is on the screen. What fails is on its next chance: the next hello. */
export async function refresh(): Promise<void> {
  const { conversation, customer } = shown();
  const { boxes } = read();
  const tasks = [loadBox("mine"), loadBox("queued"), loadQueues(), loadOffers(), loadAgents()];
  if (boxes.open) tasks.push(loadBox("open"));
  if (boxes.closed) tasks.push(loadBox("closed"));
  if (conversation) tasks.push(loadConversation(conversation), loadNewest(conversation));
  if (customer) tasks.push(loadCustomer(customer), loadNewest(`customer:${customer}`));
  await Promise.allSettled(tasks);
}

function received(event: LiveEvent): void {
  dispatch({ type: "live", event, now: serverNow() });
  if (event.type === "hello" || event.type === "missed") {
    window.clearTimeout(impatient);
    void refresh();
  }
  if (event.type === "queues") checkQueued();
  if (event.type === "entry" && deep.has(event.entry.event?.type ?? "") && read().details[event.entry.conversation])
    loadConversation(event.entry.conversation).catch(() => undefined);
  for (const listener of listeners) listener(event);
}

/** A list that has more than the queue's count holds somebody who was taken elsewhere: it is fetched again. */
function checkQueued(): void {
  window.clearTimeout(queuedCheck);
  queuedCheck = window.setTimeout(() => {
    const { queues, conversations, boxes } = read();
    if (boxes.queued?.next) return;
    const counted = new Map<string, number>();
    for (const { owner, queue } of Object.values(conversations))
      if (owner === "queue" && queue) counted.set(queue, (counted.get(queue) ?? 0) + 1);
    if (queues.some((queue) => (counted.get(queue.name) ?? 0) > queue.waiting)) loadBox("queued").catch(() => undefined);
  }, 500);
}

subscribe(() => {
  const { me, seen } = read();
  if (!me || seen === keptSeen) return;
  keptSeen = seen;
  store(seenKey(me.id), Object.fromEntries(Object.entries(seen).slice(-500)));
});

whenExpired(() => {
  if (read().me) end();
});

/** Takes up the session that the cookie still has. `false`: there is none. Throws when the daemon is not reached. */
export async function restore(): Promise<boolean> {
  try {
    begin(await get<Me>("/me"));
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return false;
    throw error;
  }
}

export async function login(name: string, password: string): Promise<void> {
  begin(await post<Me>("/login", { login: name, password }));
}

let left = false;

/** Whether the last session ended because its agent wanted it. */
export function wasLogout(): boolean {
  return left;
}

export async function logout(): Promise<void> {
  left = true;
  await post("/logout").catch(() => undefined);
  end();
}

export async function changePassword(current: string, next: string): Promise<void> {
  await call("PUT", "/me/password", { current, new: next });
}
