/** Which days are looked at, and of what, as the address keeps it. Pure. */

import type { View } from "../../app/router";

export const periods = ["today", "7d", "30d", "custom"] as const;
export type Period = (typeof periods)[number];

/** `since` and `until` are dates and count with the period `custom` alone. */
export interface Chosen {
  period: Period;
  since?: string | undefined;
  until?: string | undefined;
  channel?: string | undefined;
  language?: string | undefined;
  queue?: string | undefined;
}

const days: Record<Exclude<Period, "custom">, number> = { today: 1, "7d": 7, "30d": 30 };

const date = (text: string | undefined) => (text && /^\d{4}-\d{2}-\d{2}$/.test(text) ? text : undefined);

/** What the address asks for; a week, where it says nothing that can be read. */
export function chosenOf(view: View): Chosen {
  const { channel, language, queue } = view;
  return { period: periods.find((period) => period === view["period"]) ?? "7d", since: date(view["since"]), until: date(view["until"]), channel, language, queue };
}

/** What the address keeps. */
export function kept({ period, since, until, ...which }: Chosen): Record<string, string | undefined> {
  const custom = period === "custom";
  return { ...which, period: period === "7d" ? undefined : period, since: custom ? since : undefined, until: custom ? until : undefined };
}

/** The parameters of the request. Which day it is where the company is, the daemon knows. */
export function asked({ period, since, until, ...which }: Chosen): Record<string, string | undefined> {
  return period === "custom" ? { ...which, since, until } : { ...which, days: String(days[period]) };
}
