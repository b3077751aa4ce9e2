/** What of a report is worth showing. Pure. */

import type { Moved, Report } from "../../api/admin";

export const moves = (all: Moved[]): Moved[] => all.filter(({ before, after }) => before !== after);

/** How many destinations stay as they are. */
export const stays = (all: Moved[]): number => all.filter(({ before, after }) => before === after).reduce((sum, { messages }) => sum + messages, 0);

/** The rules that match more or less often. */
export const shifted = ({ rules }: Report): Report["rules"] => rules.filter(({ before, after }) => before !== after);
