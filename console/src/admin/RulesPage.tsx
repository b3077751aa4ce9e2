import { Alert } from "@mantine/core";
import { useEffect } from "react";
import { get } from "../api/client";
import type { Finding, RulesStatus } from "../api/types";
import { useWords } from "../i18n";
import { useNow } from "../lib/clock";
import { useAnswer } from "../lib/useLoad";
import { onLive } from "../store/session";
import { Loaded } from "./Loaded";

const load = () => get<RulesStatus>("/rules");

export function RulesPage() {
  const { t } = useWords();
  const from = useAnswer(load);
  const { again } = from;
  useEffect(() => onLive((event) => event.type === "rules" && again()), [again]);
  return (
    <Loaded title={t("admin.rules")} from={from}>
      {(status) => <Status status={status} />}
    </Loaded>
  );
}

function Status({ status }: { status: RulesStatus }) {
  const { t, relative, absolute } = useWords();
  const now = useNow();
  const errors = status.findings.some((finding) => finding.severity === "error");
  return (
    <>
      <p style={{ marginTop: 0 }} title={absolute(status.loaded_at)}>
        {t("rules.count", { n: status.rules, files: status.files.length })} · {t("rules.in_force", { time: relative(status.loaded_at, now) })}
        <br />
        <span className="muted small">
          {t("rules.hash")} <code>{status.hash}</code>
        </span>
      </p>
      {status.findings.length === 0 && <Alert color="green">{t("rules.fine")}</Alert>}
      {errors && (
        <Alert color="red" mb="md">
          {t("rules.errors_hint")}
        </Alert>
      )}
      {status.findings.map((finding, index) => (
        <FindingView key={index} finding={finding} />
      ))}
      <h2>{t("rules.files")}</h2>
      <ul style={{ margin: 0, paddingInlineStart: 20 }}>
        {status.files.map((file) => (
          <li key={file}>
            <code>{file}</code>
          </li>
        ))}
      </ul>
    </>
  );
}

function FindingView({ finding }: { finding: Finding }) {
  const { t } = useWords();
  const { severity, file, line, column, message, help } = finding;
  return (
    <div className={`finding ${severity}`} data-testid="finding">
      <div className="small">
        <strong>{t(`rules.${severity}`)}</strong>{" "}
        <code>
          {file}:{line}:{column}
        </code>
      </div>
      <div className="foreign">{message}</div>
      {help && <div className="foreign small">{help}</div>}
    </div>
  );
}
