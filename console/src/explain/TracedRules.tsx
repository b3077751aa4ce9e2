/** The rules that a decision reached, in order, with what their conditions saw. */

import "./explain.css";
import { IconCheck, IconMinus } from "@tabler/icons-react";
import type { ReachedRule } from "../api/types";
import { useWords } from "../i18n";

export function TracedRules({ rules, notReached }: { rules: ReachedRule[]; notReached: number }) {
  const { t } = useWords();
  return (
    <>
      {rules.length > 0 && <h3>{t("explain.rules")}</h3>}
      <ol className="rules">
        {rules.map((rule, index) => (
          <RuleView key={index} rule={rule} />
        ))}
      </ol>
      {notReached > 0 && <p className="muted small">{t("explain.not_reached", { n: notReached })}</p>}
    </>
  );
}

function RuleView({ rule }: { rule: ReachedRule }) {
  const { t } = useWords();
  const Mark = rule.matched ? IconCheck : IconMinus;
  return (
    <li className={rule.matched ? "matched" : "not-matched"} data-testid="traced-rule">
      <Mark className="mark" size={18} role="img" aria-label={t(rule.matched ? "explain.matched" : "explain.not_matched")} />
      <div className="rule-name">{rule.name}</div>
      <div className="muted small">
        {rule.file}:{rule.line} · {t(rule.matched ? "explain.matched" : "explain.not_matched")}
      </div>
      {rule.when ? <code className="foreign">{rule.when}</code> : <span className="small">{t("explain.always")}</span>}
      {rule.values.length > 0 && <Values values={rule.values} />}
      {rule.matched && rule.actions.length > 0 && (
        <div className="pills">
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

/** Everything that the rules saw, folded away. */
export function AllFacts({ facts }: { facts: unknown }) {
  const { t } = useWords();
  if (facts === null || facts === undefined) return null;
  return (
    <details style={{ marginTop: 16 }}>
      <summary>{t("explain.facts")}</summary>
      <pre tabIndex={0}>{JSON.stringify(facts, null, 2)}</pre>
    </details>
  );
}
