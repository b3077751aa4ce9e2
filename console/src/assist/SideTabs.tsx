/** What stands beside a conversation: the customer, or what helps with them. */

import { useCallback, useState } from "react";
import type { KeyboardEvent } from "react";
import { useWords } from "../i18n";
import type { Key } from "../i18n/en";
import { store, stored } from "../lib/storage";

const sides = ["customer", "assist"] as const;
export type Side = (typeof sides)[number];
export const sideLabels = { customer: "customer.label", assist: "assist.label" } as const satisfies Record<Side, Key>;
const shortcuts: Record<Side, string> = { customer: "i", assist: "s" };

/** The side that was chosen last in this browser. */
export function useSide(): [Side, (side: Side) => void] {
  const [side, setSide] = useState<Side>(() => sides.find((known) => known === stored("side")) ?? "customer");
  const choose = useCallback((next: Side) => {
    store("side", next);
    setSide(next);
  }, []);
  return [side, choose];
}

export function SideTabs({ side, choose }: { side: Side; choose: (side: Side) => void }) {
  const { t } = useWords();
  const arrows = (event: KeyboardEvent<HTMLDivElement>) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    const other = side === "customer" ? "assist" : "customer";
    choose(other);
    event.currentTarget.querySelector<HTMLElement>(`[data-testid="side-${other}"]`)?.focus();
  };
  return (
    <div className="pane-tabs" role="tablist" aria-label={t("assist.side")} onKeyDown={arrows}>
      {sides.map((each) => (
        <button key={each} type="button" role="tab" className="plain" aria-selected={side === each} tabIndex={side === each ? 0 : -1} aria-keyshortcuts={shortcuts[each]} onClick={() => choose(each)} data-testid={`side-${each}`}>
          {t(sideLabels[each])}
        </button>
      ))}
    </div>
  );
}
