/** The journal on the screen: follows the newest, loads older ones upwards, keeps its place in between. */

import { Button, Loader } from "@mantine/core";
import { IconArrowDown } from "@tabler/icons-react";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { ReactNode } from "react";
import type { Entry } from "../api/types";
import { useComplain } from "../app/complain";
import { useWords } from "../i18n";
import { useNow } from "../lib/clock";
import { loadOlder } from "../store/actions";
import type { Journal, Sending } from "../store/state";
import { EntryView } from "./EntryView";
import { rowsOf } from "./rows";
import type { Row } from "./rows";
import { SendingView } from "./SendingView";

interface Props {
  /** The journal's key in the store. */
  name: string;
  journal: Journal;
  sending: Sending[];
  customer: string;
  language?: string;
  origin?: (entry: Entry) => ReactNode;
}

/** Pixels from the bottom that still count as being there. */
const NEAR = 80;

export function JournalView({ name, journal, sending, customer, language, origin }: Props) {
  const { t } = useWords();
  const frame = useRef<HTMLDivElement>(null);
  const older = useOlder(name, journal, frame);
  const { away, fresh, jump, scrolled } = useFollow(journal, sending.length, frame);
  const rows = useMemo(() => rowsOf(journal.entries), [journal.entries]);
  return (
    <div className="journal-frame">
      <div className="journal" ref={frame} onScroll={scrolled} tabIndex={0} role="region" aria-label={t("journal.label")} data-testid="journal">
        <div className="inner">
          {journal.more ? (
            <div className="journal-note" ref={older}>
              <Loader size="xs" role="status" aria-label={t("journal.older")} />
            </div>
          ) : (
            <div className="journal-note">{journal.entries.length === 0 && sending.length === 0 ? t("journal.empty") : t("journal.start")}</div>
          )}
          <ol>
            {rows.map((row) => (
              <RowView key={row.key} row={row} customer={customer} language={language} origin={origin} />
            ))}
            {sending.map((each) => (
              <SendingView key={each.client_id} sending={each} customer={customer} />
            ))}
          </ol>
        </div>
      </div>
      <Announcement entry={journal.entries.at(-1)} customer={customer} />
      {away && (
        <Button className="journal-jump" size="xs" radius="xl" leftSection={<IconArrowDown size={14} />} onClick={jump}>
          {fresh > 0 ? t("journal.new", { n: fresh }) : t("journal.bottom")}
        </Button>
      )}
    </div>
  );
}

/** Says a new message to those who do not see it. */
function Announcement({ entry, customer }: { entry: Entry | undefined; customer: string }) {
  return (
    <div className="hidden-visually" role="status">
      {entry?.kind === "message" && `${customer}: ${entry.body?.text.slice(0, 200) ?? ""}`}
    </div>
  );
}

function RowView({ row, customer, language, origin }: { row: Row; customer: string; language: string | undefined; origin: Props["origin"] }) {
  const { t, day } = useWords();
  const now = useNow();
  const [unfolded, setUnfolded] = useState(false);
  if (row.type === "day") return <li className="day">{day(row.at, now)}</li>;
  if (row.type === "entry") {
    const { now: changed, shown } = row.change ?? {};
    return <EntryView entry={row.entry} changed={changed} shown={shown} customer={customer} language={language} follows={row.follows} origin={origin?.(row.entry)} />;
  }
  return (
    <>
      {unfolded && row.entries.map((entry) => <EntryView key={entry.id} entry={entry} customer={customer} follows={false} />)}
      <li className="event">
        <button type="button" className="plain link" onClick={() => setUnfolded(!unfolded)} aria-expanded={unfolded}>
          {unfolded ? t("journal.events_hide") : t("journal.events", { n: row.entries.length })}
        </button>
      </li>
    </>
  );
}

/** Loads the page before when its place comes into view, and keeps what is read where it is. */
function useOlder(name: string, journal: Journal, frame: React.RefObject<HTMLDivElement | null>) {
  const complain = useComplain();
  const busy = useRef(false);
  const held = useRef<{ first: string | undefined; height: number } | undefined>(undefined);
  const first = journal.entries[0]?.id;

  const load = useCallback(() => {
    if (busy.current || !frame.current) return;
    busy.current = true;
    held.current = { first, height: frame.current.scrollHeight };
    loadOlder(name)
      .catch(complain)
      .finally(() => {
        busy.current = false;
      });
  }, [name, first, frame, complain]);

  useLayoutEffect(() => {
    const box = frame.current;
    if (!box || !held.current || held.current.first === first) return;
    box.scrollTop += box.scrollHeight - held.current.height;
    held.current = undefined;
  }, [first, frame]);

  return useCallback(
    (mark: HTMLElement | null) => {
      if (!mark) return;
      const watch = new IntersectionObserver((seen) => seen.some((each) => each.isIntersecting) && load(), { root: frame.current, rootMargin: "400px 0px 0px" });
      watch.observe(mark);
      return () => watch.disconnect();
    },
    [load, frame],
  );
}

/** Stays with the newest entry unless the reader scrolled up; then counts what came meanwhile. */
function useFollow(journal: Journal, sending: number, frame: React.RefObject<HTMLDivElement | null>) {
  const [away, setAway] = useState(false);
  const [fresh, setFresh] = useState(0);
  const following = useRef(true);
  const last = journal.entries.at(-1)?.id;
  const count = useRef({ last, length: journal.entries.length });
  const waiting = useRef(sending);

  const jump = useCallback(() => {
    const box = frame.current;
    if (box) box.scrollTop = box.scrollHeight;
  }, [frame]);

  const scrolled = useCallback(() => {
    const box = frame.current;
    if (!box) return;
    following.current = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
    setAway(!following.current);
    if (following.current) setFresh(0);
  }, [frame]);

  useLayoutEffect(() => {
    const wrote = sending > waiting.current;
    waiting.current = sending;
    const before = count.current;
    count.current = { last, length: journal.entries.length };
    if (following.current || wrote) return jump();
    if (last !== before.last) setFresh((n) => n + Math.max(1, journal.entries.length - before.length));
  }, [journal.entries.length, last, sending, jump]);

  useEffect(() => {
    const box = frame.current;
    if (!box) return;
    const watch = new ResizeObserver(() => following.current && jump());
    watch.observe(box);
    const inner = box.firstElementChild;
    if (inner) watch.observe(inner);
    return () => watch.disconnect();
  }, [frame, jump]);

  return { away, fresh, jump, scrolled };
}
