/** The one store of the page, and the hook that reads it. */

import { useSyncExternalStore } from "react";
import { reduce } from "./reduce";
import { empty } from "./state";
import type { Action, State } from "./state";

let state: State = empty;
const listeners = new Set<() => void>();

export function read(): State {
  return state;
}

export function dispatch(action: Action): void {
  const next = reduce(state, action);
  if (next === state) return;
  state = next;
  for (const listener of listeners) listener();
}

export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Reads one part of the state. `select` must give the same value for the same state: parts, not new objects. */
export function useStore<T>(select: (state: State) => T): T {
  return useSyncExternalStore(subscribe, () => select(state));
}
