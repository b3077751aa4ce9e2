/** What of a report is worth showing. Pure. */

import type { Aspect, Moved, Report } from "../../api/admin";
import type { Priority } from "../../api/types";
import { destinationText } from "../../explain/destination";
import type { Words } from "../../i18n";

const priorities: Priority[] = ["low", "normal", "high", "urgent"];

/** What something was or would be, in the reader's words; skills, actions and rules are called as the files call them. */
export function saidText(what: Aspect, value: string, words: Pick<Words, "t">, queue: (name: string) => string): string {
  if (value === "none" || value === "") return words.t("report.none");
  const priority = priorities.find((each) => each === value);
  if (what === "destination") return destinationText(value, words, queue);
  if (what === "priority" && priority) return words.t(`priority.${priority}`);
  if (what === "confidence" && value === "its own") return words.t("report.own");
  return value;
}

export const moves = (all: Moved[]): Moved[] => all.filter(({ before, after }) => before !== after);

/** How many destinations stay as they are. */
export const stays = (all: Moved[]): number => all.filter(({ before, after }) => before === after).reduce((sum, { messages }) => sum + messages, 0);

/** The rules that match more or less often. */
export const shifted = ({ rules }: Report): Report["rules"] => rules.filter(({ before, after }) => before !== after);
