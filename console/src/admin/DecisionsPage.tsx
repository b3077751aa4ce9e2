/** What was decided, newest first, narrowed to a rule, a queue, a channel and a time. */

import "./decisions/decisions.css";
import { Button } from "@mantine/core";
import { useEffect, useMemo, useState } from "react";
import type { RulesStatus } from "../api/admin";
import { get } from "../api/client";
import { changeView, useView } from "../app/router";
import { useWords } from "../i18n";
import { useNow } from "../lib/clock";
import { DecisionTable } from "./decisions/DecisionTable";
import { FilterBar } from "./decisions/FilterBar";
import { filtersOf, kept } from "./decisions/filters";
import { useDecisions } from "./decisions/useDecisions";
import type { Decisions } from "./decisions/useDecisions";
import { Loaded } from "./Loaded";

export function DecisionsPage() {
  const { t } = useWords();
  const view = useView();
  const filters = useMemo(() => filtersOf(view), [view]);
  const decisions = useDecisions(filters);
  const rules = useRuleNames();
  return (
    <Loaded title={t("admin.decisions")} from={decisions} lead={<FilterBar filters={filters} rules={rules} change={(part) => changeView(kept({ ...filters, ...part }))} />}>
      {({ items }) => (
        <>
          {items.length > 0 && <DecisionTable decisions={items} />}
          <Foot decisions={decisions} />
        </>
      )}
    </Loaded>
  );
}

/** For the suggestions alone: without them the field still takes any name. */
function useRuleNames(): string[] {
  const [names, setNames] = useState<string[]>([]);
  useEffect(() => {
    get<RulesStatus>("/rules").then(
      ({ set }) => setNames(set.map(({ name }) => name)),
      () => undefined,
    );
  }, []);
  return names;
}

function Foot({ decisions: { answer, busy, older } }: { decisions: Decisions }) {
  const { t, moment } = useWords();
  const now = useNow();
  if (!answer) return null;
  return (
    <div className="foot-line">
      {answer.next && (
        <Button size="compact-sm" variant="default" loading={busy} onClick={older} data-testid="decisions-older">
          {t("decisions.older")}
        </Button>
      )}
      <span className="muted small" role="status" data-testid="looked-back">
        {answer.items.length === 0 && `${t("decisions.none")} `}
        {t("decisions.looked_back", { n: answer.items.length, time: moment(answer.looked_back_to, now) })}
      </span>
    </div>
  );
}
