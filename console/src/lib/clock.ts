/** The daemon's clock, as its `Date` headers tell it: countdowns must hold on a computer whose clock is wrong. */

import { useSyncExternalStore } from "react";

/** Milliseconds to add to this computer's clock. */
let offset = 0;

/** Takes the daemon's time from a response. `Date` has whole seconds, so that smaller differences mean nothing. */
export function observeServerDate(header: string | null, received: number): void {
  const said = header ? Date.parse(header) : Number.NaN;
  if (Number.isNaN(said)) return;
  const difference = said + 500 - received;
  offset = Math.abs(difference) > 2_000 ? difference : 0;
}

/** Milliseconds since the epoch by the daemon's clock. */
export function serverNow(): number {
  return Date.now() + offset;
}

/** One timer for all views that show ages, running while somebody looks. */
class Ticker {
  private listeners = new Set<() => void>();
  private timer: number | undefined;
  private value = serverNow();

  constructor(private readonly period: number) {}

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    this.timer ??= window.setInterval(() => {
      this.value = serverNow();
      for (const each of this.listeners) each();
    }, this.period);
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size > 0) return;
      window.clearInterval(this.timer);
      this.timer = undefined;
    };
  };

  read = (): number => {
    if (this.timer === undefined) this.value = serverNow();
    return this.value;
  };
}

const fine = new Ticker(1_000);
const coarse = new Ticker(15_000);

/** The daemon's time, renewed every second (`fine`) or every 15 seconds. */
export function useNow(grain: "fine" | "coarse" = "coarse"): number {
  const ticker = grain === "fine" ? fine : coarse;
  return useSyncExternalStore(ticker.subscribe, ticker.read);
}
