/** What the console does: each asks the daemon and tells the store. Failures throw `ApiError`, for the view to show. */

import { ApiError, call, get, post, query } from "../api/client";
import type {
  Agent,
  Box,
  Conversation,
  ConversationDetail,
  Customer,
  Entry,
  Me,
  Offer,
  Presence,
  Queue,
} from "../api/types";
import type { Page } from "./state";
import { dispatch, read } from "./store";

const PAGE = 50;
/** How much of the lists that are usually short is asked for at once. */
const WHOLE = 200;
/** How many pages without anything in them are passed over at once. */
const EMPTY_MOST = 10;
const id = encodeURIComponent;

function learn(conversation: Conversation, asOf: number): void {
  dispatch({ type: "conversation", conversation, asOf });
}

export async function setPresence(presence: Presence): Promise<void> {
  dispatch({ type: "me", agent: await call<Agent>("PUT", "/me/presence", { presence }) });
}

/** Says that what was closed is finished up. */
export async function becomeReady(): Promise<void> {
  await post("/me/ready");
  dispatch({ type: "me", agent: (await get<Me>("/me")).agent });
}

/** Fetches the first page of a box, or with `before` the next one. */
export async function loadBox(box: Box, before?: string): Promise<void> {
  const limit = box === "mine" || box === "queued" ? WHOLE : PAGE;
  let from = before;
  // A page may hold nothing that this agent may see, and yet not be the last one.
  for (let empty = 0; empty < EMPTY_MOST; empty++) {
    const asOf = read().seq;
    const page = await get<{ items: Conversation[]; next?: string }>(`/conversations${query({ box, limit, before: from })}`);
    dispatch({ type: "box", box, items: page.items, next: page.next, before: from, asOf });
    if (page.items.length > 0 || !page.next) return;
    from = page.next;
  }
}

export async function loadQueues(): Promise<void> {
  dispatch({ type: "queues", items: (await get<{ items: Queue[] }>("/queues")).items });
}

export async function loadOffers(): Promise<void> {
  const asOf = read().seq;
  dispatch({ type: "offers", items: (await get<{ items: Offer[] }>("/offers")).items, asOf });
}

export async function loadAgents(): Promise<void> {
  dispatch({ type: "agents", items: (await get<{ items: Agent[] }>("/agents")).items });
}

export async function loadConversation(conversation: string): Promise<void> {
  const asOf = read().seq;
  const { contact, attributes, handoff, thread, ticket_url, ticket_subject, ...summary } = await get<ConversationDetail>(`/conversations/${id(conversation)}`);
  dispatch({ type: "customer", customer: contact, asOf });
  learn(summary, asOf);
  dispatch({ type: "detail", id: conversation, detail: { attributes, thread, ...(handoff && { handoff }), ...(ticket_url && { ticket_url }), ...(ticket_subject && { ticket_subject }) } });
}

export async function loadCustomer(customer: string): Promise<void> {
  const asOf = read().seq;
  dispatch({ type: "customer", customer: await get<Customer>(`/customers/${id(customer)}`), asOf });
}

export async function findCustomers(q: string): Promise<Omit<Customer, "conversations">[]> {
  return (await get<{ items: Omit<Customer, "conversations">[] }>(`/customers${query({ q })}`)).items;
}

/** The conversation of a ticket as people name it, `#10023`; nothing where there is none, or none that one may see. */
export async function findTicket(q: string): Promise<Conversation | undefined> {
  const number = /^[#＃]?\s*(\d{1,18})$/.exec(q)?.[1];
  if (!number) return undefined;
  try {
    return await get<Conversation>(`/tickets/${number}`);
  } catch (failure) {
    if (failure instanceof ApiError && failure.status === 404) return undefined;
    throw failure;
  }
}

async function entries(key: string, before?: string): Promise<Page> {
  const path = key.startsWith("customer:") ? `/customers/${id(key.slice("customer:".length))}` : `/conversations/${id(key)}`;
  const page = await get<{ items: Entry[]; more: boolean }>(`${path}/entries${query({ before, limit: PAGE })}`);
  return { entries: page.items, more: page.more };
}

/** Fetches the newest entries of a journal (see `State.journals` for its key). */
export async function loadNewest(key: string): Promise<void> {
  const asOf = read().seq;
  dispatch({ type: "newest", key, page: await entries(key), asOf });
}

export async function loadOlder(key: string): Promise<void> {
  const oldest = read().journals[key]?.entries[0];
  if (oldest) dispatch({ type: "older", key, page: await entries(key, oldest.id) });
}

export async function acceptOffer(offer: Offer): Promise<void> {
  const asOf = read().seq;
  const conversation = await post<Conversation>(`/offers/${id(offer.id)}/accept`, { epoch: offer.epoch });
  learn(conversation, asOf);
  dispatch({ type: "offer_answered", offer: offer.id });
}

export async function declineOffer(offer: Offer): Promise<void> {
  await post(`/offers/${id(offer.id)}/decline`, { epoch: offer.epoch });
  dispatch({ type: "offer_answered", offer: offer.id });
}

async function change(conversation: string, what: string, body?: unknown): Promise<void> {
  const asOf = read().seq;
  learn(await post<Conversation>(`/conversations/${id(conversation)}/${what}`, body), asOf);
}

export const closeConversation = (conversation: string) => change(conversation, "close");
export const returnToBot = (conversation: string) => change(conversation, "return");
/** Where a conversation goes: to a queue, or to the agent of that id. */
export type Destination = { queue: string } | { agent: string };

export const transfer = (conversation: string, to: Destination, note: string) => change(conversation, "transfer", { ...to, ...(note ? { note } : {}) });
export const takeOver = (conversation: string) => change(conversation, "take", {});
/** Gives it to the agent of that id at once. */
export const assign = (conversation: string, agent: string) => change(conversation, "take", { agent });
export const changeTags = (conversation: string, add: string[], remove: string[]) => change(conversation, "tags", { add, remove });

/** Says that the agent is writing. Nobody minds if it fails. */
export function tellTyping(conversation: string): void {
  post(`/conversations/${id(conversation)}/typing`).catch(() => undefined);
}

export async function resend(outbound: string): Promise<void> {
  const asOf = read().seq;
  dispatch({ type: "entry", entry: await post<Entry>(`/outbound/${id(outbound)}/resend`), asOf });
}

export type CustomerChange = { name?: string; language?: string; attributes?: Record<string, string | null> };

export async function changeCustomer(customer: string, what: CustomerChange): Promise<void> {
  const asOf = read().seq;
  dispatch({ type: "customer", customer: await call<Customer>("PATCH", `/customers/${id(customer)}`, what), asOf });
}

export async function undoMerge(customer: string, merge: string): Promise<void> {
  const asOf = read().seq;
  dispatch({ type: "customer", customer: await post<Customer>(`/customers/${id(customer)}/unmerge`, { merge }), asOf });
}
