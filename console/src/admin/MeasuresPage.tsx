/** How well it goes: what is solved without a person, why not, what was asked in vain, and how customers liked it. */

import "./decisions/decisions.css";
import "./measures/measures.css";
import { useCallback, useMemo } from "react";
import { get, query } from "../api/client";
import type { Measures } from "../api/measures";
import { changeView, useView } from "../app/router";
import { useWords } from "../i18n";
import { useAnswer } from "../lib/useLoad";
import { Loaded } from "./Loaded";
import { Figures, Tiles } from "./measures/Figures";
import { Misses } from "./measures/Misses";
import { asked, chosenOf, kept } from "./measures/period";
import { PeriodBar } from "./measures/PeriodBar";

export function MeasuresPage() {
  const { t } = useWords();
  const view = useView();
  const chosen = useMemo(() => chosenOf(view), [view]);
  const load = useCallback(() => get<Measures>(`/measures${query(asked(chosen))}`), [chosen]);
  const from = useAnswer(load);
  const bar = <PeriodBar chosen={chosen} seen={from.answer} change={(part) => changeView(kept({ ...chosen, ...part }))} />;
  return (
    <Loaded title={t("admin.measures")} from={from} lead={bar}>
      {(measures) => (
        <div className="measures" data-testid="measures">
          <p className="muted small">{t("measures.days_of", { since: measures.since, until: measures.until, zone: measures.zone })}</p>
          {measures.total.conversations.opened === 0 && <p role="status">{t("measures.empty")}</p>}
          <Tiles measures={measures} />
          <Misses chosen={chosen} beside={measures} />
          <Figures measures={measures} />
        </div>
      )}
    </Loaded>
  );
}
