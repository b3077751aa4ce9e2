/** To whom a conversation can be transferred. Pure. */

import type { Agent, Conversation, Presence, Queue } from "../api/types";

const presences: Presence[] = ["online", "away", "offline"];

/** Who is there first, then by name. */
export function colleaguesFirst<A extends Agent>(agents: A[]): A[] {
  const active = agents.filter((agent) => agent.active);
  return active.sort((a, b) => presences.indexOf(a.presence) - presences.indexOf(b.presence) || a.name.localeCompare(b.name));
}

/** Without the reader and who has it now. */
export function colleaguesFor(conversation: Conversation, agents: Agent[], me: string | undefined): Agent[] {
  return colleaguesFirst(agents.filter(({ id }) => id !== me && id !== conversation.agent?.id));
}

/** All but the one that it waits in. */
export function queuesFor(conversation: Conversation, queues: Queue[]): Queue[] {
  return queues.filter(({ name }) => conversation.owner !== "queue" || name !== conversation.queue);
}
