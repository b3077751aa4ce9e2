/** Where a decision led, in the reader's words. The daemon says it in the words of rule files. Pure. */

import type { ReachedRule } from "../api/types";
import type { Words } from "../i18n";

type In = Pick<Words, "t">;
/** How a queue is called. */
type QueueTitle = (name: string) => string;

const unanswered = "answer, no answer, ";

/** What it does not know stays as it is. */
export function destinationText(destination: string, words: In, queue: QueueTitle): string {
  const { t } = words;
  if (destination.startsWith(unanswered)) return t("destination.unanswered", { then: destinationText(destination.slice(unanswered.length), words, queue) });
  if (destination.startsWith("handoff ")) return t("destination.handoff", { queue: queue(destination.slice("handoff ".length)) });
  if (destination.startsWith("do ")) return t("destination.do", { action: destination.slice("do ".length) });
  switch (destination) {
    case "answer":
    case "close":
    case "ignore":
      return t(`destination.${destination}`);
    case "to its agent":
      return t("destination.agent");
    case "stays where it is":
      return t("destination.stays");
    default:
      return destination;
  }
}

/** Where a message went: there, or to the action that heard it instead. */
export function ledText({ destination, heard }: { destination: string; heard?: string }, words: In, queue: QueueTitle): string {
  return heard ? words.t("destination.heard", { action: heard }) : destinationText(destination, words, queue);
}

/** What the last action of the rule that ended the pass leads to. */
function ledTo(rule: ReachedRule): string | undefined {
  const [, destination] = /^(handoff [^,]+|do [^,]+|answer|close|ignore)(?:,|$)/.exec(rule.actions.at(-1) ?? "") ?? [];
  return destination;
}

interface Outcome {
  outcome: string;
  destination?: string;
  heard?: string;
  rules: ReachedRule[];
}

/** One sentence: in English the daemon's own, in Chinese the rule that ended the pass and where that led. */
export function outcomeText({ outcome, destination, heard, rules }: Outcome, words: Pick<Words, "t" | "language">, queue: QueueTitle): string {
  const last = rules.at(-1);
  if (words.language === "en" || !last) return outcome;
  const ended = last.matched ? ledTo(last) : undefined;
  const led = destinationText(destination ?? ended ?? "stays where it is", words, queue);
  const decided = ended ? words.t("explain.outcome", { rule: last.name, destination: led }) : words.t("explain.outcome_none", { destination: led });
  return heard ? words.t("explain.heard", { action: heard, decided }) : decided;
}
