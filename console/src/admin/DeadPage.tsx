import { Alert, Button, Table } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useState } from "react";
import { get, post } from "../api/client";
import type { DeadLetter } from "../api/admin";
import { useComplain } from "../app/complain";
import { useWords } from "../i18n";
import { Ago } from "../lib/Age";
import { useAnswer } from "../lib/useLoad";
import { Loaded } from "./Loaded";

const load = () => get<{ items: DeadLetter[] }>("/dead").then((answer) => answer.items);

export function DeadPage() {
  const { t } = useWords();
  const from = useAnswer(load);
  const heads = ["dead.at", "dead.kind", "dead.channel", "dead.text", "dead.reason"] as const;
  return (
    <Loaded title={t("admin.dead")} from={from}>
      {(letters) =>
        letters.length === 0 ? (
          <Alert color="green">{t("dead.none")}</Alert>
        ) : (
          <div className="wide">
            <Table verticalSpacing="xs">
              <Table.Thead>
                <Table.Tr>
                  {heads.map((head) => (
                    <Table.Th key={head}>{t(head)}</Table.Th>
                  ))}
                  <Table.Th>
                    <span className="hidden-visually">{t("dead.redrive")}</span>
                  </Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {letters.map((letter) => (
                  <Letter key={letter.id} letter={letter} done={from.again} />
                ))}
              </Table.Tbody>
            </Table>
          </div>
        )
      }
    </Loaded>
  );
}

function Letter({ letter, done }: { letter: DeadLetter; done: () => void }) {
  const { t } = useWords();
  const complain = useComplain();
  const [busy, setBusy] = useState(false);
  const redrive = () => {
    setBusy(true);
    post(`/dead/${encodeURIComponent(letter.id)}/redrive`)
      .then(() => {
        notifications.show({ message: t("dead.redriven"), color: "green" });
        done();
      }, complain)
      .finally(() => setBusy(false));
  };
  return (
    <Table.Tr data-testid="dead-letter">
      <Table.Td style={{ whiteSpace: "nowrap" }}>
        <Ago at={letter.at} />
      </Table.Td>
      <Table.Td>{t(`dead.${letter.kind}`)}</Table.Td>
      <Table.Td>{letter.channel}</Table.Td>
      <Table.Td className="foreign" maw={320}>
        {letter.text.slice(0, 300)}
      </Table.Td>
      <Table.Td className="foreign" maw={320}>
        {letter.reason}
      </Table.Td>
      <Table.Td>
        <Button size="compact-sm" variant="default" loading={busy} onClick={redrive} data-testid="redrive">
          {t("dead.redrive")}
        </Button>
      </Table.Td>
    </Table.Tr>
  );
}
