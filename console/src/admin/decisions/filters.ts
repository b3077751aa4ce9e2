/** What a list of decisions is narrowed to, as the address keeps it. Pure. */

import type { View } from "../../app/router";

export const spans = ["hour", "day", "week", "custom"] as const;
export type Span = (typeof spans)[number];

/** `since` and `until` (RFC 3339) count with the span `custom` alone. */
export interface Filters {
  rule?: string | undefined;
  queue?: string | undefined;
  channel?: string | undefined;
  time: Span;
  since?: string | undefined;
  until?: string | undefined;
}

const seconds: Record<Exclude<Span, "custom">, number> = { hour: 3_600, day: 86_400, week: 604_800 };

const moment = (text: string | undefined) => (text && !Number.isNaN(Date.parse(text)) ? text : undefined);

/** What the address asks for; the last day, where it says nothing that can be read. */
export function filtersOf(view: View): Filters {
  const { rule, queue, channel } = view;
  return { rule, queue, channel, time: spans.find((span) => span === view["time"]) ?? "day", since: moment(view["since"]), until: moment(view["until"]) };
}

/** What the address keeps. */
export function kept({ time, since, until, ...which }: Filters): Record<string, string | undefined> {
  const custom = time === "custom";
  return { ...which, time: time === "day" ? undefined : time, since: custom ? since : undefined, until: custom ? until : undefined };
}

/** The parameters of the request at `now`, ms. */
export function asked({ time, since, until, ...which }: Filters, now: number): Record<string, string | undefined> {
  if (time === "custom") return { ...which, since, until };
  return { ...which, since: new Date(now - seconds[time] * 1_000).toISOString() };
}

/** A moment as a field of the type `datetime-local` has it, in the reader's time zone. */
export function localOf(at: string | undefined): string {
  const date = new Date(at ?? "");
  if (Number.isNaN(date.getTime())) return "";
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export function momentOf(local: string): string | undefined {
  const date = new Date(local);
  return local === "" || Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}
