/** What makes rules run, in words. Pure. */

import type { RuleBrief, Trigger } from "../../api/admin";
import { firedText } from "../../conversation/eventText";
import type { Words } from "../../i18n";

/** With the time that it waits for, if it waits. */
export function triggerText({ on, after }: { on: Trigger; after?: number }, words: Pick<Words, "t" | "span">): string {
  if (on === "message" || on === "agent_message" || on === "signals") return words.t(`trigger.${on}`);
  return firedText({ on, ...(after ? { after } : {}) }, words);
}

/** The rules that have all words of `wanted` in their name, file or trigger, in any case. */
export function matching(rules: RuleBrief[], wanted: string, words: Pick<Words, "t" | "span">): RuleBrief[] {
  const parts = wanted.toLowerCase().split(/\s+/).filter(Boolean);
  if (parts.length === 0) return rules;
  return rules.filter((rule) => {
    const text = `${rule.name} ${rule.file}:${rule.line} ${rule.on} ${triggerText(rule, words)}`.toLowerCase();
    return parts.every((part) => text.includes(part));
  });
}
