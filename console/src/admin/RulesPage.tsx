/** The rules in force with how often each acted, what is wrong with the files, and what a candidate would change. */

import "./rules/rules.css";
import { Alert, Button, Tabs } from "@mantine/core";
import { IconFileText } from "@tabler/icons-react";
import { useEffect } from "react";
import type { CandidateStatus, RulesStatus } from "../api/admin";
import { get } from "../api/client";
import { changeView, useView } from "../app/router";
import { useWords } from "../i18n";
import { useNow } from "../lib/clock";
import { useAnswer } from "../lib/useLoad";
import { onLive } from "../store/session";
import { Loaded } from "./Loaded";
import { CandidatePanel } from "./rules/CandidatePanel";
import { ANY_FILE, FilesDrawer } from "./rules/FilesDrawer";
import { Findings } from "./rules/Findings";
import { RuleTable } from "./rules/RuleTable";

const load = () => get<RulesStatus>("/rules");

/** How often hits and the comparison are asked for while somebody looks, ms. */
const AGAIN_MS = 30_000;

export function RulesPage() {
  const { t } = useWords();
  const from = useAnswer(load);
  const { again } = from;
  useEffect(() => onLive((event) => event.type === "rules" && again()), [again]);
  useEffect(() => {
    const timer = window.setInterval(() => document.visibilityState === "visible" && again(), AGAIN_MS);
    return () => window.clearInterval(timer);
  }, [again]);
  return (
    <Loaded title={t("admin.rules")} from={from}>
      {(status) => <Status status={status} />}
    </Loaded>
  );
}

function Status({ status }: { status: RulesStatus }) {
  const { t } = useWords();
  const errors = status.findings.some((finding) => finding.severity === "error");
  return (
    <>
      <InForce status={status} />
      {status.findings.length === 0 && (
        <Alert color="green" mb="md">
          {t("rules.fine")}
        </Alert>
      )}
      {errors && (
        <Alert color="red" mb="md">
          {t("rules.errors_hint")}
        </Alert>
      )}
      <Findings findings={status.findings} />
      {status.candidate ? <Both status={status} candidate={status.candidate} /> : <RuleTable rules={status.set} />}
      <FilesDrawer rules={status.set} hash={status.hash} candidate={status.candidate?.hash} />
    </>
  );
}

/** The address keeps which of the two is looked at. */
function Both({ status, candidate }: { status: RulesStatus; candidate: CandidateStatus }) {
  const { t, percent } = useWords();
  const { part } = useView();
  const { report } = candidate;
  return (
    <Tabs value={part === "candidate" ? "candidate" : "in_force"} onChange={(value) => changeView({ part: value === "candidate" ? value : undefined })} keepMounted={false}>
      <Tabs.List mb="md">
        <Tabs.Tab value="in_force">{t("rules.set_in_force")}</Tabs.Tab>
        <Tabs.Tab value="candidate" data-testid="rules-candidate">
          {t("rules.set_candidate")} {!candidate.hash && <span className="pill bad">{t("rules.loads_not")}</span>}
          {report && report.messages > 0 && <span className="pill warn">{t("report.different", { share: percent(report.changed, report.messages) })}</span>}
        </Tabs.Tab>
      </Tabs.List>
      <Tabs.Panel value="in_force">
        <RuleTable rules={status.set} />
      </Tabs.Panel>
      <Tabs.Panel value="candidate">
        <CandidatePanel candidate={candidate} />
      </Tabs.Panel>
    </Tabs>
  );
}

function InForce({ status }: { status: RulesStatus }) {
  const { t, relative, absolute } = useWords();
  const now = useNow();
  return (
    <div className="panel-head">
      <p style={{ margin: 0 }} title={absolute(status.loaded_at)}>
        {t("rules.count", { n: status.rules, files: status.files.length })} · {t("rules.in_force", { time: relative(status.loaded_at, now) })}
        <br />
        <span className="muted small">
          {t("rules.hash")} <code>{status.hash.slice(0, 12)}</code>
        </span>
      </p>
      <Button size="compact-sm" variant="default" ml="auto" leftSection={<IconFileText size={15} />} onClick={() => changeView({ set: undefined, file: ANY_FILE, line: undefined })} data-testid="show-files">
        {t("rules.show_files")}
      </Button>
    </div>
  );
}
