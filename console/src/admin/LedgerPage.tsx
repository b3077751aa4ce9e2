import { get } from "../api/client";
import { useWords } from "../i18n";
import { useAnswer } from "../lib/useLoad";
import { Loaded } from "./Loaded";

const load = () => get<unknown>("/ledger");

/** The counts in an answer, those within others by their path: `outbound.pending`. Pure. */
export function countsOf(answer: unknown, path = ""): [string, number | string | boolean][] {
  if (typeof answer === "number" || typeof answer === "string" || typeof answer === "boolean") return [[path, answer]];
  if (typeof answer !== "object" || answer === null) return [];
  return Object.entries(answer).flatMap(([name, value]) => countsOf(value, path ? `${path}.${name}` : name));
}

export function LedgerPage() {
  const { t, language } = useWords();
  const from = useAnswer(load);
  const number = new Intl.NumberFormat(language);
  return (
    <Loaded title={t("admin.ledger")} from={from}>
      {(ledger) => {
        const counts = countsOf(ledger);
        return (
          <>
            <p className="muted" style={{ marginTop: 0 }}>
              {counts.length > 0 ? t("ledger.text") : t("ledger.none")}
            </p>
            <dl className="counts" data-testid="ledger">
              {counts.map(([name, value]) => (
                <div key={name}>
                  <dt>{name.replaceAll("_", " ")}</dt>
                  <dd>{typeof value === "number" ? number.format(value) : String(value)}</dd>
                </div>
              ))}
            </dl>
          </>
        );
      }}
    </Loaded>
  );
}
