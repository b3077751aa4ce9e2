/** The lists of conversations on the left, derived from what is known. Pure. */

import type { Box, Conversation } from "../api/types";
import type { State } from "./state";

const newestFirst = (a: Conversation, b: Conversation) => b.last.at.localeCompare(a.last.at) || a.id.localeCompare(b.id);

const inQueueOrder = (a: Conversation, b: Conversation) =>
  (a.position ?? Number.MAX_SAFE_INTEGER) - (b.position ?? Number.MAX_SAFE_INTEGER) ||
  (a.waiting_since ?? "").localeCompare(b.waiting_since ?? "") ||
  a.id.localeCompare(b.id);

type Known = Pick<State, "conversations" | "boxes" | "me">;

/** The conversations of one box, in its order; `queue` narrows the waiting ones. */
export function inBox(state: Known, box: Box, queue?: string): Conversation[] {
  const all = Object.values(state.conversations);
  const floor = state.boxes[box]?.floor;
  const fetched = (each: Conversation) => !floor || each.last.at >= floor;
  switch (box) {
    case "mine":
      return all.filter((each) => each.owner === "agent" && each.agent?.id === state.me?.id).sort(newestFirst);
    case "queued":
      return all.filter((each) => each.owner === "queue" && (!queue || each.queue === queue)).sort(inQueueOrder);
    case "open":
      return all.filter((each) => each.owner !== "closed" && fetched(each)).sort(newestFirst);
    case "closed":
      return all.filter((each) => each.owner === "closed" && fetched(each)).sort(newestFirst);
  }
}

/** How many of the customer's messages the agent has not read; 0 if the last word was not the customer's. */
export function unread(conversation: Conversation, seen: State["seen"]): number {
  if (conversation.last.author.type !== "customer") return 0;
  const read = seen[conversation.id] ?? { at: "", messages: conversation.messages };
  return Math.max(conversation.messages - read.messages, conversation.last.at > read.at ? 1 : 0, 0);
}
