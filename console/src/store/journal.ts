/** Merging of journal entries: nothing lost, nothing twice, in the daemon's order. Pure. */

import type { Delivery, Entry } from "../api/types";
import type { Journal, Page } from "./state";

/** Appends a live entry, or replaces the one of the same id. */
export function appended(journal: Journal, entry: Entry): Journal {
  const at = journal.entries.findIndex((each) => each.id === entry.id);
  const entries = at < 0 ? [...journal.entries, entry] : journal.entries.with(at, entry);
  return { ...journal, entries };
}

/** Puts a page of older entries before what is there. */
export function withOlder(journal: Journal, page: Page): Journal {
  const known = new Set(journal.entries.map((entry) => entry.id));
  return { entries: [...page.entries.filter((entry) => !known.has(entry.id)), ...journal.entries], more: page.more };
}

/**
 * Takes the newest page again, after a gap. Where it overlaps what is there, both are kept in the page's order;
 * where it does not, entries between are unknown, and the page replaces everything but what came live since it was asked for.
 */
export function withNewest(journal: Journal | undefined, page: Page, cameLater: (id: string) => boolean): Journal {
  if (!journal) return page;
  const fresh = new Set(page.entries.map((entry) => entry.id));
  const first = journal.entries.findIndex((entry) => fresh.has(entry.id));
  const later = journal.entries.filter((entry) => !fresh.has(entry.id) && cameLater(entry.id));
  if (first < 0) return { entries: [...page.entries, ...later], more: page.more };
  const known = new Map(journal.entries.map((entry) => [entry.id, entry]));
  const merged = page.entries.map((entry) => (cameLater(entry.id) ? (known.get(entry.id) ?? entry) : entry));
  const before = journal.entries.slice(0, first);
  return { entries: [...before, ...merged, ...later.filter((entry) => !before.includes(entry))], more: first > 0 ? journal.more : page.more };
}

/** Notes how an outbound fares. Gives the same journal if it has no such entry. */
export function delivered(journal: Journal, outbound: string, delivery: Delivery): Journal {
  const at = journal.entries.findIndex((entry) => entry.id === outbound);
  const entry = journal.entries[at];
  return entry ? { ...journal, entries: journal.entries.with(at, { ...entry, delivery }) } : journal;
}
