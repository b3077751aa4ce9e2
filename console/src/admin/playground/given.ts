/** What a message that nobody wrote is tried with, as `given` of a rule test has it. Pure. */

import type { RuleBrief, Trigger } from "../../api/admin";
import type { Owner } from "../../api/types";

/** What makes rules run, with the seconds that it waits for: `waiting 120`. */
export type On = Trigger | `${Trigger} ${number}`;

export interface Scene {
  text: string;
  kind: string;
  channel: string;
  owner: Owner;
  queue: string;
  bot_turns: number;
  bot_misses: number;
  tags: string[];
  on: On;
  /** RFC 3339; now where it is empty. */
  time: string;
}

export const blank: Scene = { text: "", kind: "webchat", channel: "", owner: "bot", queue: "", bot_turns: 0, bot_misses: 0, tags: [], on: "message", time: "" };

export const kinds = ["webchat", "email", "telegram", "whatsapp", "messenger", "sms", "http"] as const;
export const owners: Owner[] = ["bot", "queue", "agent", "closed"];

export function triggerOf(on: On): { on: Trigger; after?: number } {
  const [trigger, after] = on.split(" ");
  return { on: trigger as Trigger, ...(after ? { after: Number(after) } : {}) };
}

/** What can be tried: a message, a second opinion, and whatever the rules wait for. A message to an agent is one to a conversation that an agent owns. */
export function triggersOf(rules: Pick<RuleBrief, "on" | "after">[]): On[] {
  const timed = rules.map(({ on, after }): On => (after ? `${on} ${after}` : on)).filter((on) => on !== "agent_message");
  return [...new Set<On>(["message", "signals", ...timed])];
}

/** Says no more than the person chose: what it leaves out, the daemon knows or leaves unknown. */
export function givenOf(scene: Scene): Record<string, unknown> {
  const { text, kind, channel, owner, queue, bot_turns, bot_misses, tags, time } = scene;
  const { on, after } = triggerOf(scene.on);
  return {
    message: { text, kind, ...(channel.trim() ? { channel: channel.trim() } : {}) },
    conversation: { owner, bot_turns, bot_misses, ...(tags.length > 0 ? { tags } : {}), ...(queue && owner === "queue" ? { queue } : {}) },
    ...(time ? { now: { time } } : {}),
    ...(on === "message" ? {} : { on }),
    ...(after ? { after } : {}),
  };
}

/** Messages to begin with. They are what customers write, so they are the same in every language of the page. */
export const examples: { text: string; lang: "en" | "zh-Hans" }[] = [
  { lang: "en", text: "This is a disgrace! Three weeks and still no parcel!" },
  { lang: "en", text: "I was charged twice. I want to talk to a person." },
  { lang: "en", text: "How do I return an item?" },
  { lang: "zh-Hans", text: "太差劲了！等了三个星期包裹还没到，气死我了！" },
  { lang: "zh-Hans", text: "退款一直没到账，转人工" },
  { lang: "zh-Hans", text: "怎么退货？" },
];
