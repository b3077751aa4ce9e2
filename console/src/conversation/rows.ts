/** How the journal's entries are laid out: days, runs of one author, long runs of events folded. Pure. */

import type { Entry } from "../api/types";

export type Row =
  | { type: "day"; key: string; at: string }
  | { type: "entry"; key: string; entry: Entry; follows: boolean }
  /** Events in the middle of a long run, to be unfolded. */
  | { type: "folded"; key: string; entries: Entry[] };

/** Milliseconds within which the same author goes on without the name being repeated. */
const RUN_MS = 5 * 60_000;

/** A run of more events than this is folded, but for its first and its last two. */
const EVENTS = 5;

const authorOf = ({ author, kind, conversation }: Entry) => `${kind} ${conversation} ${author.type} ${author.type === "agent" ? (author.id ?? author.name) : ""}`;

const dayOf = (at: string) => new Date(at).toDateString();

export function rowsOf(entries: Entry[]): Row[] {
  const rows: Row[] = [];
  let previous: Entry | undefined;
  for (let index = 0; index < entries.length; index++) {
    const entry = entries[index] as Entry;
    if (!previous || dayOf(previous.at) !== dayOf(entry.at)) rows.push({ type: "day", key: `day ${entry.id}`, at: entry.at });
    const run = eventRun(entries, index);
    if (run > EVENTS) {
      const folded = entries.slice(index + 1, index + run - 2);
      rows.push({ type: "entry", key: entry.id, entry, follows: false });
      rows.push({ type: "folded", key: `folded ${entry.id}`, entries: folded });
      index += folded.length;
      previous = folded.at(-1);
      continue;
    }
    const follows = !!previous && entry.kind !== "event" && authorOf(previous) === authorOf(entry) && Date.parse(entry.at) - Date.parse(previous.at) < RUN_MS;
    rows.push({ type: "entry", key: entry.id, entry, follows });
    previous = entry;
  }
  return rows;
}

/** How many events of one day stand in a row from `start`; counted only where a run starts. */
function eventRun(entries: Entry[], start: number): number {
  const first = entries[start];
  const before = entries[start - 1];
  if (first?.kind !== "event" || (before?.kind === "event" && dayOf(before.at) === dayOf(first.at))) return 0;
  let end = start;
  while (entries[end]?.kind === "event" && dayOf((entries[end] as Entry).at) === dayOf(first.at)) end++;
  return end - start;
}
