/** The next state from this one and what happened. Pure: no clock, no storage, no network. */

import type { Conversation, Customer, Entry, LiveEvent, Offer } from "../api/types";
import { appended, delivered, withNewest, withOlder } from "./journal";
import { empty, TYPING_MS } from "./state";
import type { Action, Journal, Seen, Sending, State } from "./state";

export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case "signed_in":
      return { ...empty, me: action.me.agent, seen: action.seen, sending: action.sending };
    case "signed_out":
      return empty;
    case "link":
      return state.link === action.link ? state : { ...state, link: action.link };
    case "live":
      return live({ ...state, seq: state.seq + 1 }, action.event, action.now);
    case "me":
      return { ...state, me: action.agent, agents: { ...state.agents, [action.agent.id]: action.agent } };
    case "box":
      return boxed(state, action);
    case "conversation":
      return answered(state, [action.conversation], action.asOf);
    case "detail":
      return { ...state, details: { ...state.details, [action.id]: action.detail } };
    case "customer":
      return withCustomer(state, action.customer, action.asOf);
    case "newest":
      return newest(state, action.key, action.page, action.asOf);
    case "older": {
      const journal = state.journals[action.key];
      return journal ? { ...state, journals: { ...state.journals, [action.key]: withOlder(journal, action.page) } } : state;
    }
    case "entry":
      return (state.stamps[action.entry.id] ?? 0) > action.asOf ? state : inJournals(state, action.entry, false);
    case "offers": {
      const newer = ({ id }: Offer) => (state.stamps[id] ?? 0) > action.asOf;
      return withOffers(state, [...action.items.filter((offer) => !newer(offer)), ...state.offers.filter(newer)]);
    }
    case "offer_answered":
      return { ...state, offers: state.offers.filter((offer) => offer.id !== action.offer) };
    case "queues":
      return { ...state, queues: action.items };
    case "agents":
      return { ...state, agents: Object.fromEntries(action.items.map((agent) => [agent.id, agent])) };
    case "sending":
      return { ...state, sending: [...state.sending, action.sending] };
    case "sent":
      return sent(state, action.client_id, action.entry);
    case "refused":
      return changeSending(state, action.client_id, (sending) => ({ ...sending, refused: action.reason }));
    case "retry":
      return changeSending(state, action.client_id, ({ refused: _, ...sending }) => sending);
    case "discarded":
      return { ...state, sending: state.sending.filter((each) => each.client_id !== action.client_id) };
    case "seen": {
      const conversation = state.conversations[action.conversation];
      if (!conversation) return state;
      const { at } = conversation.last;
      const seen = state.seen[conversation.id];
      if (seen?.at === at && seen.messages === conversation.messages) return state;
      return { ...state, seen: { ...state.seen, [conversation.id]: { at, messages: conversation.messages } } };
    }
  }
}

function live(state: State, event: LiveEvent, now: number): State {
  switch (event.type) {
    case "hello": {
      const me = { ...state, me: event.me, agents: { ...state.agents, [event.me.id]: event.me } };
      const known = event.offers.reduce<State>((each, offer) => stamped(each, offer.id), me);
      return withOffers({ ...known, queues: event.queues, findings: event.rules.findings, link: "live" }, event.offers);
    }
    case "offer":
      return withOffers(stamped(state, event.offer.id), [...state.offers.filter((offer) => offer.id !== event.offer.id), event.offer]);
    case "offer_ended":
      return { ...stamped(state, event.offer), offers: state.offers.filter((offer) => offer.id !== event.offer) };
    case "conversation":
      return withConversations(stamped(state, event.conversation.id), [event.conversation]);
    case "entry":
      return arrived(stamped(state, event.entry.id), event.entry);
    case "delivery":
      return deliveredAnywhere(stamped(state, event.outbound), event);
    case "typing":
      return { ...state, typing: { ...state.typing, [event.conversation]: now + TYPING_MS } };
    case "agent": {
      const agents = { ...state.agents, [event.agent.id]: event.agent };
      return { ...state, agents, me: state.me?.id === event.agent.id ? event.agent : state.me };
    }
    case "queues":
      return { ...state, queues: event.queues };
    case "rules":
      return { ...state, findings: event.findings };
    default: // `missed` and `pong` change nothing here, nor does what a newer daemon may say.
      return state;
  }
}

function stamped(state: State, id: string): State {
  return { ...state, stamps: { ...state.stamps, [id]: state.seq } };
}

function withConversations(state: State, changed: Conversation[]): State {
  const conversations = { ...state.conversations };
  const asked = { ...state.asked };
  const customers = { ...state.customers };
  let seen = state.seen;
  for (const conversation of changed) {
    conversations[conversation.id] = conversation;
    if (isMine(state, conversation) && !seen[conversation.id]) seen = { ...seen, [conversation.id]: neverOpened(conversation) };
    const customer = customers[conversation.customer.id];
    if (customer && !customer.conversations.includes(conversation.id))
      customers[customer.id] = { ...customer, conversations: [conversation.id, ...customer.conversations] };
    const waits = conversation.owner !== "closed" && conversation.last.author.type === "customer";
    if (!waits) delete asked[conversation.id];
    else asked[conversation.id] ??= conversation.last.at;
  }
  return { ...state, conversations, customers, asked, seen };
}

const isMine = (state: State, conversation: Conversation) => conversation.owner === "agent" && conversation.agent?.id === state.me?.id;

/** Where reading starts in a conversation that was never opened here: its last message alone is new. */
const neverOpened = ({ messages, last }: Conversation): Seen => ({ at: "", messages: Math.max(0, messages - (last.author.type === "customer" ? 1 : 0)) });

/** Takes conversations from an answer, but for those of which a live event spoke since it was asked for. */
function answered(state: State, items: Conversation[], asOf: number): State {
  return withConversations(state, items.filter((each) => (state.stamps[each.id] ?? 0) <= asOf));
}

function boxed(state: State, action: Extract<Action, { type: "box" }>): State {
  const { box, items, next, before, asOf } = action;
  const reached = [...items.map((each) => each.last.at), ...(before ? [state.boxes[box]?.floor ?? []].flat() : [])];
  const floor = next ? reached.sort()[0] : undefined;
  const boxes = { ...state.boxes, [box]: { ...(next ? { next } : {}), ...(floor ? { floor } : {}) } };
  const base = { ...state, boxes };
  return answered(before || next ? base : without(base, box, items, asOf), items, asOf);
}

/** Drops what a whole `mine` or `queued` list no longer has: it went to somebody whom this agent may not watch. */
function without(state: State, box: string, items: Conversation[], asOf: number): State {
  const owner = box === "mine" ? "agent" : box === "queued" ? "queue" : undefined;
  if (!owner) return state;
  const listed = new Set(items.map((item) => item.id));
  const stays = ([id, each]: [string, Conversation]) =>
    each.owner !== owner ||
    listed.has(id) ||
    (state.stamps[id] ?? 0) > asOf ||
    (owner === "agent" && each.agent?.id !== state.me?.id) ||
    state.offers.some((offer) => offer.conversation.id === id);
  return { ...state, conversations: Object.fromEntries(Object.entries(state.conversations).filter(stays)) };
}

function withCustomer(state: State, customer: Customer, asOf: number): State {
  const entry = { ...customer, conversations: customer.conversations.map((each) => each.id) };
  return answered({ ...state, customers: { ...state.customers, [customer.id]: entry } }, customer.conversations, asOf);
}

function withOffers(state: State, offers: Offer[]): State {
  const unknown = offers.map((offer) => offer.conversation).filter((each) => !state.conversations[each.id]);
  return { ...withConversations(state, unknown), offers };
}

function newest(state: State, key: string, page: { entries: Entry[]; more: boolean }, asOf: number): State {
  const journal = withNewest(state.journals[key], page, (id) => (state.stamps[id] ?? 0) > asOf);
  const shown = new Set(page.entries.map((entry) => entry.id));
  const sending = state.sending.filter((each) => !(each.entry && shown.has(each.entry.id)));
  return { ...state, journals: { ...state.journals, [key]: journal }, sending };
}

/** Puts an entry into the journals on which it belongs. A live one is appended; another only replaces itself. */
function inJournals(state: State, entry: Entry, append: boolean): State {
  const customer = state.conversations[entry.conversation]?.customer.id;
  const journals: Record<string, Journal> = { ...state.journals };
  for (const key of [entry.conversation, `customer:${customer}`]) {
    const journal = journals[key];
    if (journal && (append || journal.entries.some((each) => each.id === entry.id))) journals[key] = appended(journal, entry);
  }
  return { ...state, journals };
}

function arrived(state: State, entry: Entry): State {
  const { [entry.conversation]: _, ...typing } = state.typing;
  const quiet = entry.author.type === "customer" ? { ...state, typing } : state;
  return { ...inJournals(quiet, entry, true), sending: withoutArrived(state, entry) };
}

/** What is still on its way once this entry is here: told by its key or, from a daemon that tells none, by writer and text. */
function withoutArrived(state: State, entry: Entry): Sending[] {
  const author = entry.author;
  const mine = author.type === "agent" && (author.id === undefined ? author.name === state.me?.name : author.id === state.me?.id);
  const is = (each: Sending): boolean => {
    if (each.entry) return each.entry.id === entry.id;
    if (entry.client_id !== undefined) return each.client_id === entry.client_id;
    return mine && each.conversation === entry.conversation && each.kind === entry.kind && each.text === entry.body?.text;
  };
  const at = state.sending.findIndex(is);
  return at < 0 ? state.sending : state.sending.toSpliced(at, 1);
}

function deliveredAnywhere(state: State, event: Extract<LiveEvent, { type: "delivery" }>): State {
  const journals = Object.fromEntries(
    Object.entries(state.journals).map(([key, journal]) => [key, delivered(journal, event.outbound, event.delivery)]),
  );
  const sending = state.sending.map((each) =>
    each.entry?.id === event.outbound ? { ...each, entry: { ...each.entry, delivery: event.delivery } } : each,
  );
  return { ...state, journals, sending };
}

function changeSending(state: State, id: string, change: (sending: Sending) => Sending): State {
  return { ...state, sending: state.sending.map((each) => (each.client_id === id ? change(each) : each)) };
}

function sent(state: State, id: string, entry: Entry): State {
  const here = state.journals[entry.conversation]?.entries.some((each) => each.id === entry.id);
  if (here) return { ...state, sending: state.sending.filter((each) => each.client_id !== id) };
  return changeSending(state, id, ({ refused: _, ...sending }) => ({ ...sending, entry }));
}
