/** To whom a conversation can be transferred. Pure. */

import type { Agent, Conversation, Presence, Queue } from "../api/types";

const presences: Presence[] = ["online", "away", "offline"];

/** Who is there first; without the reader and who has it now. */
export function colleaguesFor(conversation: Conversation, agents: Agent[], me: string | undefined): Agent[] {
  const others = agents.filter(({ id, active }) => active && id !== me && id !== conversation.agent?.id);
  return others.sort((a, b) => presences.indexOf(a.presence) - presences.indexOf(b.presence) || a.name.localeCompare(b.name));
}

/** All but the one that it waits in. */
export function queuesFor(conversation: Conversation, queues: Queue[]): Queue[] {
  return queues.filter(({ name }) => conversation.owner !== "queue" || name !== conversation.queue);
}
