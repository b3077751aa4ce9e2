/** How the journal's entries are laid out: days, runs of one author, long runs of events folded. Pure. */

import type { Entry } from "../api/types";

export type Row =
  | { type: "day"; key: string; at: string }
  | { type: "entry"; key: string; entry: Entry; follows: boolean; change?: Change }
  /** Events in the middle of a long run, to be unfolded. */
  | { type: "folded"; key: string; entries: Entry[] };

/** What became of a message: `now` is the newest change of it. Of the change's own entry: `shown` where the message itself is. */
export interface Change {
  now?: Entry;
  shown?: boolean;
}

/** Milliseconds within which the same author goes on without the name being repeated. */
const RUN_MS = 5 * 60_000;

/** A run of more events than this is folded, but for its first and its last two. */
const EVENTS = 5;

const authorOf = ({ author, kind, conversation }: Entry) => `${kind} ${conversation} ${author.type} ${author.type === "agent" ? (author.id ?? author.name) : ""}`;

/** What nobody says: it never goes on where its author stopped. */
const unsaid = new Set<Entry["kind"]>(["event", "refined", "fired"]);

const dayOf = (at: string) => new Date(at).toDateString();

/** The changes that customers made to their own messages, by the entries that look different for it. */
function changesOf(entries: Entry[]): Map<string, Change> {
  const changes = new Map<string, Change>();
  const written = new Map<string, Entry>();
  for (const entry of entries) {
    if (entry.kind !== "message") continue;
    const target = entry.about === undefined ? undefined : written.get(`${entry.conversation} ${entry.about}`);
    if (entry.content === "message" && entry.external_id) written.set(`${entry.conversation} ${entry.external_id}`, entry);
    if (!target || (entry.content !== "edit" && entry.content !== "delete")) continue;
    changes.set(target.id, { now: entry });
    changes.set(entry.id, { shown: true });
  }
  return changes;
}

export function rowsOf(entries: Entry[]): Row[] {
  const rows: Row[] = [];
  const changes = changesOf(entries);
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
    const follows = !!previous && !unsaid.has(entry.kind) && authorOf(previous) === authorOf(entry) && Date.parse(entry.at) - Date.parse(previous.at) < RUN_MS;
    const change = changes.get(entry.id);
    rows.push({ type: "entry", key: entry.id, entry, follows, ...(change ? { change } : {}) });
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
