/** The rules in the order in which they are tried, with how often each acted. */

import "./rules.css";
import { Table, TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { useMemo, useState } from "react";
import type { RuleBrief } from "../../api/admin";
import { changeView } from "../../app/router";
import { useWords } from "../../i18n";
import { matching, triggerText } from "./triggers";

/** More rows than this are shown when somebody asks for them. */
const ROWS = 200;

export function RuleTable({ rules }: { rules: RuleBrief[] }) {
  const words = useWords();
  const { t } = words;
  const [wanted, setWanted] = useState("");
  const [rows, setRows] = useState(ROWS);
  const found = useMemo(() => matching(rules, wanted, words), [rules, wanted, words]);
  const place = useMemo(() => new Map(rules.map((rule, index) => [rule, index + 1])), [rules]);
  const most = useMemo(() => Math.max(1, ...rules.map((rule) => rule.hits)), [rules]);
  return (
    <>
      <TextInput
        value={wanted}
        onChange={(event) => setWanted(event.currentTarget.value)}
        aria-label={t("rules.filter")}
        placeholder={t("rules.filter")}
        leftSection={<IconSearch size={16} />}
        maw={360}
        mb="sm"
        data-testid="rule-filter"
      />
      <p className="hidden-visually" role="status">
        {wanted && t("rules.found", { n: found.length })}
      </p>
      <div className="wide">
        <Table verticalSpacing={6} highlightOnHover className="rule-table">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{t("rules.place")}</Table.Th>
              <Table.Th>{t("rules.name")}</Table.Th>
              <Table.Th>{t("rules.trigger")}</Table.Th>
              <Table.Th>{t("rules.where")}</Table.Th>
              <Table.Th>{t("rules.hits")}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {found.slice(0, rows).map((rule) => (
              <RuleRow key={rule.name} rule={rule} place={place.get(rule) ?? 0} most={most} />
            ))}
          </Table.Tbody>
        </Table>
      </div>
      {found.length === 0 && <p className="muted">{t("rules.none_found")}</p>}
      {found.length > rows && (
        <button type="button" className="plain link" style={{ padding: 10 }} onClick={() => setRows(rows + ROWS * 5)}>
          {t("rules.more", { n: found.length - rows })}
        </button>
      )}
    </>
  );
}

function RuleRow({ rule, place, most }: { rule: RuleBrief; place: number; most: number }) {
  const words = useWords();
  const { number } = words;
  const open = () => changeView({ file: rule.file, line: String(rule.line), set: undefined });
  return (
    <Table.Tr className={rule.hits === 0 ? "muted" : ""} data-testid="rule-row" data-rule={rule.name} data-hits={rule.hits}>
      <Table.Td className="muted">{place}</Table.Td>
      <Table.Td>
        <button type="button" className="plain link" onClick={open} data-testid="rule-open">
          <bdi>{rule.name}</bdi>
        </button>
      </Table.Td>
      <Table.Td>{triggerText(rule, words)}</Table.Td>
      <Table.Td>
        <code className="small">
          {rule.file}:{rule.line}
        </code>
      </Table.Td>
      <Table.Td>
        <span className="hits">
          <span className="hits-bar" aria-hidden>
            <span style={{ width: `${(rule.hits / most) * 100}%` }} />
          </span>
          {number(rule.hits)}
        </span>
      </Table.Td>
    </Table.Tr>
  );
}
