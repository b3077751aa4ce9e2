import { useCallback, useEffect, useRef, useState } from "react";
import type { Board } from "../../api/admin";
import { get } from "../../api/client";
import type { LiveEvent } from "../../api/types";
import { Refresher } from "../../lib/refresher";
import { onLive } from "../../store/session";

/** Not more often than this, however much happens, and as often as the other even if nothing does, ms. */
const LEAST_MS = 1_000;
const MOST_MS = 10_000;

/** After these the board is another one. */
const moving = new Set<LiveEvent["type"]>(["hello", "missed", "queues", "conversation", "agent"]);

/** The board as it is now. */
export function useBoard(): { answer: Board | undefined; failure: unknown; again: () => void } {
  const [answer, setAnswer] = useState<Board>();
  const [failure, setFailure] = useState<unknown>();
  const refresher = useRef<Refresher>(undefined);
  useEffect(() => {
    const load = () =>
      get<Board>("/board").then((board) => {
        setAnswer(board);
        setFailure(undefined);
      }, setFailure);
    const mine = new Refresher(load, LEAST_MS);
    refresher.current = mine;
    mine.ask();
    const deaf = onLive((event) => moving.has(event.type) && mine.ask());
    const timer = window.setInterval(() => document.visibilityState === "visible" && mine.ask(), MOST_MS);
    return () => {
      mine.stop();
      deaf();
      window.clearInterval(timer);
    };
  }, []);
  return { answer, failure, again: useCallback(() => refresher.current?.ask(), []) };
}
