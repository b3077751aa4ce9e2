/** What a model summarised: which of it stands, what can be asked for, and why there is none. Pure. */

import { ApiError } from "../api/client";
import type { Assist, Recap } from "../api/assist";
import { endText } from "../conversation/eventText";
import type { Key } from "../i18n/en";
import type { Words } from "../i18n";

/** The newer of what the daemon last told and what it has just answered. */
export function latest(told: Recap | undefined, answered: Recap | undefined): Recap | undefined {
  if (!told || !answered) return told ?? answered;
  return Date.parse(answered.at) > Date.parse(told.at) ? answered : told;
}

/** What the button says; `undefined` where there is none. */
export function askable({ may_summarise }: Pick<Assist, "may_summarise">, recap: Recap | undefined): Key | undefined {
  if (!may_summarise || recap?.current) return undefined;
  return recap ? "assist.summarise_again" : "assist.summarise";
}

/** Why there is none, and that the rest stands. */
export function unsummarised(failure: unknown, { t }: Pick<Words, "t">, complaint: (failure: unknown) => string): string {
  const how = failure instanceof ApiError ? endText(failure.code, t) : undefined;
  return t("assist.unsummarised", { how: how ?? complaint(failure) });
}
