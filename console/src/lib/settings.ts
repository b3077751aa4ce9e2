/** What this browser prefers: sound and desktop notifications. Language and colours are kept by their own providers. */

import { useSyncExternalStore } from "react";
import { store, stored } from "./storage";

export interface Settings {
  sound: boolean;
  desktop: boolean;
}

let settings: Settings = { sound: true, desktop: false, ...stored<Partial<Settings>>("settings") };
const listeners = new Set<() => void>();

export function readSettings(): Settings {
  return settings;
}

export function changeSettings(change: Partial<Settings>): void {
  settings = { ...settings, ...change };
  store("settings", settings);
  for (const listener of listeners) listener();
}

export function useSettings(): Settings {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => settings,
  );
}
