import { Table } from "@mantine/core";
import type { Decision } from "../../api/admin";
import { explain } from "../../app/router";
import { ledText } from "../../explain/destination";
import { useWords } from "../../i18n";
import { useQueueTitle } from "../../left/Queues";
import { useNow } from "../../lib/clock";
import { triggerText } from "../rules/triggers";

const heads = ["decisions.at", "decisions.text", "decisions.channel", "decisions.rule", "decisions.destination", "decisions.tags", "decisions.trigger"] as const;

export function DecisionTable({ decisions }: { decisions: Decision[] }) {
  const { t } = useWords();
  return (
    <div className="wide">
      <Table verticalSpacing={6} highlightOnHover className="decision-table">
        <Table.Thead>
          <Table.Tr>
            {heads.map((head) => (
              <Table.Th key={head}>{t(head)}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {decisions.map((decision) => (
            <DecisionRow key={decision.id} decision={decision} />
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

/** The whole row opens the explanation; the text is the button for keyboards. */
function DecisionRow({ decision }: { decision: Decision }) {
  const words = useWords();
  const { t, moment, absolute } = words;
  const queue = useQueueTitle();
  const now = useNow();
  const open = () => explain({ why: decision.id });
  return (
    <Table.Tr onClick={open} style={{ cursor: "pointer" }} data-testid="decision" data-decision={decision.id}>
      <Table.Td>
        <time dateTime={decision.at} title={absolute(decision.at)}>
          {moment(decision.at, now)}
        </time>
      </Table.Td>
      <Table.Td>
        <button
          type="button"
          className="plain link"
          onClick={(event) => {
            event.stopPropagation();
            open();
          }}
          data-testid="decision-open"
        >
          <bdi dir="auto">{decision.text.slice(0, 160) || t("journal.no_text")}</bdi>
        </button>
        {decision.customer && (
          <div className="muted small">
            <bdi>{decision.customer}</bdi>
          </div>
        )}
      </Table.Td>
      <Table.Td>{decision.channel}</Table.Td>
      <Table.Td>
        <bdi>{decision.rule || t("decisions.no_rule")}</bdi>
      </Table.Td>
      <Table.Td>{ledText(decision, words, queue)}</Table.Td>
      <Table.Td>
        <span className="pills">
          {decision.tags.map((tag) => (
            <bdi key={tag} className="pill">
              {tag}
            </bdi>
          ))}
        </span>
      </Table.Td>
      <Table.Td>{triggerText(decision, words)}</Table.Td>
    </Table.Tr>
  );
}
