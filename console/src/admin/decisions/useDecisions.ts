import { useCallback, useEffect, useRef, useState } from "react";
import type { Decision } from "../../api/admin";
import { get, query } from "../../api/client";
import { serverNow } from "../../lib/clock";
import { asked } from "./filters";
import type { Filters } from "./filters";

interface Page {
  items: Decision[];
  next?: string;
  looked_back_to: string;
}

/** How many pages without a decision are passed over before somebody is asked whether to go on. */
const EMPTY_MOST = 5;
const PAGE = 50;

async function load(filters: Record<string, string | undefined>, before: string | undefined): Promise<Page> {
  let page = await get<Page>(`/decisions${query({ ...filters, before, limit: PAGE })}`);
  for (let empty = 1; empty < EMPTY_MOST && page.items.length === 0 && page.next; empty++) page = await get<Page>(`/decisions${query({ ...filters, before: page.next, limit: PAGE })}`);
  return page;
}

export interface Decisions {
  answer: Page | undefined;
  failure: unknown;
  busy: boolean;
  /** Asks anew, up to this moment. */
  again(): void;
  /** Asks for those before. */
  older(): void;
}

/** The decisions that the filters leave, newest first; `filters` must be the same object as long as they are the same. */
export function useDecisions(filters: Filters): Decisions {
  const [answer, setAnswer] = useState<Page>();
  const [failure, setFailure] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const run = useRef(0);
  const bounds = useRef<Record<string, string | undefined>>({});

  const ask = useCallback((before?: string) => {
    const mine = ++run.current;
    const current = () => mine === run.current;
    setBusy(true);
    setFailure(undefined);
    load(bounds.current, before)
      .then(
        (page) => current() && setAnswer((known) => (before && known ? { ...page, items: [...known.items, ...page.items] } : page)),
        (error: unknown) => current() && setFailure(error),
      )
      .finally(() => current() && setBusy(false));
  }, []);
  const again = useCallback(() => {
    bounds.current = asked(filters, serverNow());
    ask();
  }, [filters, ask]);
  useEffect(again, [again]);
  const next = answer?.next;
  const older = useCallback(() => next && ask(next), [next, ask]);
  return { answer, failure, busy, again, older };
}
