import { useCallback, useRef, useState } from "react";
import type { RuleSetName, Tried } from "../../api/admin";
import { post } from "../../api/client";
import { givenOf } from "./given";
import type { Scene } from "./given";

export interface Result {
  set: RuleSetName;
  tried: Tried;
}

/** Tries a scene under one set or both. What was found last stays while it is tried again. */
export function useTry(): { busy: boolean; failure: unknown; results: Result[]; run(scene: Scene, customer: string | undefined, sets: RuleSetName[]): void } {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>();
  const [results, setResults] = useState<Result[]>([]);
  const count = useRef(0);
  const run = useCallback((scene: Scene, customer: string | undefined, sets: RuleSetName[]) => {
    const mine = ++count.current;
    const current = () => mine === count.current;
    const one = async (set: RuleSetName): Promise<Result> => ({ set, tried: await post<Tried>("/rules/try", { given: givenOf(scene), set, ...(customer ? { customer } : {}) }) });
    setBusy(true);
    setFailure(undefined);
    Promise.all(sets.map(one))
      .then(
        (found) => current() && setResults(found),
        (error: unknown) => {
          if (!current()) return;
          setResults([]);
          setFailure(error);
        },
      )
      .finally(() => current() && setBusy(false));
  }, []);
  return { busy, failure, results, run };
}
