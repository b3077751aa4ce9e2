/** Why a message went where it went: the rules it reached and what they saw. The same as `switchboard why` prints. */

import "./explain.css";
import { Drawer, Loader } from "@mantine/core";
import { IconCheck, IconMinus } from "@tabler/icons-react";
import { useCallback } from "react";
import { get } from "../api/client";
import type { Explanation, ReachedRule } from "../api/types";
import { explain } from "../app/router";
import { SignalChips } from "../conversation/SignalChips";
import { Failed } from "../conversation/ConversationPane";
import { useWords } from "../i18n";
import { Ago } from "../lib/Age";
import { useAnswer } from "../lib/useLoad";

export default function ExplanationDrawer({ message }: { message: string }) {
  const { t } = useWords();
  const load = useCallback(() => get<Explanation>(`/messages/${encodeURIComponent(message)}/why`), [message]);
  const { answer, failure, again } = useAnswer(load);
  return (
    <Drawer opened onClose={() => explain(undefined)} position="right" size={620} title={t("explain.title")} closeButtonProps={{ "aria-label": t("app.close_panel") }} data-testid="explanation">
      {failure ? <Failed failure={failure} again={again} /> : answer ? <Why explanation={answer} /> : <Loader role="status" aria-label={t("app.loading")} />}
    </Drawer>
  );
}

function Why({ explanation }: { explanation: Explanation }) {
  const { t } = useWords();
  return (
    <div className="explain">
      <p className="outcome" data-testid="outcome">
        {explanation.outcome}
      </p>
      <blockquote className="said-quote foreign" dir="auto">
        {explanation.text.slice(0, 4_000)}
      </blockquote>
      <div className="muted small">
        <Ago at={explanation.at} />
        {explanation.rule_set && ` · ${t("explain.rule_set", { hash: explanation.rule_set.slice(0, 12) })}`}
      </div>
      <h3>{t("explain.signals")}</h3>
      <div style={{ display: "flex", flexWrap: "wrap", gap: 5 }}>
        <SignalChips signals={explanation.signals} all />
      </div>
      {explanation.rules.length > 0 && <h3>{t("explain.rules")}</h3>}
      <ol className="rules">
        {explanation.rules.map((rule, index) => (
          <RuleView key={index} rule={rule} />
        ))}
      </ol>
      {explanation.not_reached > 0 && <p className="muted small">{t("explain.not_reached", { n: explanation.not_reached })}</p>}
      {explanation.facts !== null && (
        <details style={{ marginTop: 16 }}>
          <summary>{t("explain.facts")}</summary>
          <pre tabIndex={0}>{JSON.stringify(explanation.facts, null, 2)}</pre>
        </details>
      )}
    </div>
  );
}

function RuleView({ rule }: { rule: ReachedRule }) {
  const { t } = useWords();
  const Mark = rule.matched ? IconCheck : IconMinus;
  return (
    <li className={rule.matched ? "matched" : "not-matched"}>
      <Mark className="mark" size={18} role="img" aria-label={t(rule.matched ? "explain.matched" : "explain.not_matched")} />
      <div className="rule-name">{rule.name}</div>
      <div className="muted small">
        {rule.file}:{rule.line} · {t(rule.matched ? "explain.matched" : "explain.not_matched")}
      </div>
      {rule.when ? <code className="foreign">{rule.when}</code> : <span className="small">{t("explain.always")}</span>}
      {rule.values.length > 0 && <Values values={rule.values} />}
      {rule.matched && rule.actions.length > 0 && (
        <div style={{ display: "flex", flexWrap: "wrap", gap: 4, marginTop: 4 }}>
          {rule.actions.map((action) => (
            <span key={action} className="pill accent">
              {action}
            </span>
          ))}
        </div>
      )}
    </li>
  );
}

function Values({ values }: { values: ReachedRule["values"] }) {
  const { t } = useWords();
  return (
    <table className="values">
      <caption className="hidden-visually">{t("explain.values")}</caption>
      <thead>
        <tr>
          <th scope="col">{t("explain.expression")}</th>
          <th scope="col">{t("explain.value")}</th>
        </tr>
      </thead>
      <tbody>
        {values.map(({ expression, value }) => (
          <tr key={expression}>
            <td>
              <code>{expression}</code>
            </td>
            <td>
              <span className={value === "true" ? "pill good" : value === "false" ? "pill bad" : "pill"} style={{ whiteSpace: "normal" }}>
                {value}
              </span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
