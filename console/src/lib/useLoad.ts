import { useCallback, useEffect, useState } from "react";

/** Runs `load(key)` when the key changes; gives the failure of the last run, and the way to run it again. */
export function useLoad(load: (key: string) => Promise<unknown>, key: string): { failure: unknown; again: () => void } {
  const [failure, setFailure] = useState<unknown>();
  const again = useCallback(() => {
    let current = true;
    setFailure(undefined);
    load(key).catch((error: unknown) => current && setFailure(error));
    return () => {
      current = false;
    };
  }, [load, key]);
  useEffect(again, [again]);
  return { failure, again };
}

/** The answer of `load`, which must be a stable function, and the way to ask again. The last answer stays meanwhile. */
export function useAnswer<T>(load: () => Promise<T>): { answer: T | undefined; failure: unknown; again: () => void } {
  const [answer, setAnswer] = useState<T>();
  const run = useCallback(() => load().then(setAnswer), [load]);
  return { answer, ...useLoad(run, "") };
}
