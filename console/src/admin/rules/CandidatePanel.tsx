/** The candidate rule set: whether it loads, and what would be different under it. */

import { Alert, Button } from "@mantine/core";
import { IconFileText } from "@tabler/icons-react";
import type { CandidateStatus } from "../../api/admin";
import { changeView } from "../../app/router";
import { useWords } from "../../i18n";
import { Ago } from "../../lib/Age";
import { ANY_FILE } from "./FilesDrawer";
import { Findings } from "./Findings";
import { ReportView } from "./ReportView";

export function CandidatePanel({ candidate }: { candidate: CandidateStatus }) {
  const { t } = useWords();
  const { hash, loaded_at, rules, findings, report } = candidate;
  return (
    <section aria-labelledby="candidate-title" data-testid="candidate" data-loads={hash !== undefined}>
      <div className="panel-head">
        <h2 id="candidate-title">{t("rules.candidate")}</h2>
        <span className={hash ? "pill good" : "pill bad"}>{t(hash ? "rules.loads" : "rules.loads_not")}</span>
        {hash && (
          <Button size="compact-sm" variant="default" ml="auto" leftSection={<IconFileText size={15} />} onClick={() => changeView({ set: "candidate", file: ANY_FILE, line: undefined })} data-testid="candidate-files">
            {t("rules.show_files")}
          </Button>
        )}
      </div>
      <p className="muted small">
        {t("rules.candidate_hint")} {t(hash ? "rules.compared" : "rules.read")} <Ago at={loaded_at} />
        {hash && (
          <>
            {" · "}
            {t("rules.rules", { n: rules })} · <code>{hash.slice(0, 12)}</code>
          </>
        )}
      </p>
      {!hash && (
        <Alert color="red" mb="md">
          {t("rules.candidate_errors")}
        </Alert>
      )}
      <Findings findings={findings} />
      {hash && !report && <p className="muted">{t("rules.no_report")}</p>}
      {report && <ReportView report={report} />}
    </section>
  );
}
