import { Alert } from "@mantine/core";
import { get } from "../api/client";
import type { Ledger } from "../api/admin";
import { deliveryStates } from "../api/types";
import { useWords } from "../i18n";
import { useAnswer } from "../lib/useLoad";
import { Loaded } from "./Loaded";

const load = () => get<Ledger>("/ledger");

const inbound = ["accepted", "decided", "waiting", "dead", "redriven"] as const;

export function LedgerPage() {
  const { t } = useWords();
  const from = useAnswer(load);
  return (
    <Loaded title={t("admin.ledger")} from={from}>
      {(ledger) => (
        <div data-testid="ledger">
          <p className="muted" style={{ marginTop: 0 }}>
            {t("ledger.text")}
          </p>
          <Verdict findings={ledger.findings} />
          {ledger.uncounted.map((what) => (
            <Alert key={what} color="yellow" mt="sm" title={t("ledger.uncounted")}>
              {what}
            </Alert>
          ))}
          <h2>{t("ledger.inbound")}</h2>
          <Counts rows={inbound.map((name) => [t(`ledger.${name}`), ledger[name]])} />
          <h2>{t("ledger.outbound")}</h2>
          <Counts rows={deliveryStates.map((state, index) => [t(`delivery.${state}`), ledger.outbound[index] ?? 0])} />
        </div>
      )}
    </Loaded>
  );
}

function Verdict({ findings }: { findings: string[] }) {
  const { t } = useWords();
  if (findings.length === 0) return <Alert color="green">{t("ledger.fine")}</Alert>;
  return (
    <Alert color="red" role="alert" title={t("ledger.wrong")}>
      {findings.map((finding) => (
        <div key={finding}>{finding}</div>
      ))}
    </Alert>
  );
}

function Counts({ rows }: { rows: [string, number][] }) {
  const { number } = useWords();
  return (
    <dl className="counts">
      {rows.map(([name, count]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{number(count)}</dd>
        </div>
      ))}
    </dl>
  );
}
