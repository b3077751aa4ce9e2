import type { Finding } from "../../api/admin";
import { useWords } from "../../i18n";

const sources = ["files", "people", "knowledge"] as const;

/** What is wrong, by what was read. */
export function Findings({ findings }: { findings: Finding[] }) {
  const { t } = useWords();
  return sources.map((source) => {
    const of = findings.filter((finding) => (finding.source ?? "files") === source);
    if (of.length === 0) return null;
    return (
      <section key={source} data-testid="findings-of" data-source={source}>
        <h3>
          {t(`rules.source_${source}`)} <span className="pill">{of.length}</span>
        </h3>
        {of.map((finding, index) => (
          <FindingView key={index} finding={finding} />
        ))}
      </section>
    );
  });
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
