/** What would be different under other rules: counts, what moves where, and examples. */

import { Table } from "@mantine/core";
import type { ReactNode } from "react";
import type { Moved, Report } from "../../api/admin";
import { useWords } from "../../i18n";
import type { Key } from "../../i18n/en";
import { useQueueTitle } from "../../left/Queues";
import { ChangeView } from "./ChangeView";
import { moves, saidText, shifted, stays } from "./report";

export function ReportView({ report }: { report: Report }) {
  const words = useWords();
  const { t, number, percent } = words;
  const queue = useQueueTitle();
  const counts = [
    ["messages", number(report.messages)],
    ["changed", `${number(report.changed)} (${percent(report.changed, report.messages)})`],
    ["by_another_rule", number(report.by_another_rule)],
    ["unchanged", number(report.unchanged)],
  ] as const;
  return (
    <div data-testid="report">
      <dl className="counts">
        {counts.map(([name, count]) => (
          <div key={name} data-count={name}>
            <dt>{t(`report.${name}`)}</dt>
            <dd>{count}</dd>
          </div>
        ))}
      </dl>
      {report.messages > 0 && report.changed + report.by_another_rule === 0 && <p>{t("report.same")}</p>}
      <MovedTable title="report.destinations" moved={moves(report.destinations)} say={(destination) => saidText("destination", destination, words, queue)} />
      {moves(report.destinations).length > 0 && <p className="muted small">{t("report.stay", { n: number(stays(report.destinations)) })}</p>}
      <MovedTable title="report.priorities" moved={moves(report.priorities)} say={(priority) => saidText("priority", priority, words, queue)} />
      <Counted
        title="report.actions"
        heads={["report.action", "report.no_longer", "report.newly"]}
        rows={report.actions.map(({ action, no_longer, newly }) => [<code key="action">{action}</code>, number(no_longer), number(newly)])}
      />
      <Counted
        title="report.rules"
        heads={["report.rule", "report.before", "report.after"]}
        rows={shifted(report).map(({ rule, before, after }) => [<bdi key="rule">{rule}</bdi>, number(before), number(after)])}
      />
      {report.changes.length > 0 && <h3>{t("report.changes")}</h3>}
      {report.changes.map((change, index) => (
        <ChangeView key={index} change={change} />
      ))}
    </div>
  );
}

function MovedTable({ title, moved, say }: { title: Key; moved: Moved[]; say: (what: string) => string }) {
  const { number } = useWords();
  const rows = moved.map(({ before, after, messages }) => [say(before), `→ ${say(after)}`, number(messages)]);
  return <Counted title={title} heads={["report.before", "report.after", "report.count"]} rows={rows} />;
}

function Counted({ title, heads, rows }: { title: Key; heads: Key[]; rows: ReactNode[][] }) {
  const { t } = useWords();
  if (rows.length === 0) return null;
  return (
    <>
      <h3>{t(title)}</h3>
      <div className="wide">
        <Table verticalSpacing={4} aria-label={t(title)} className="counted">
          <Table.Thead>
            <Table.Tr>
              {heads.map((head) => (
                <Table.Th key={head}>{t(head)}</Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((cells, index) => (
              <Table.Tr key={index}>
                {cells.map((cell, at) => (
                  <Table.Td key={at}>{cell}</Table.Td>
                ))}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </div>
    </>
  );
}
