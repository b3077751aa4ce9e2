/** What the bot was asked and did not know, with the way to write what is missing. */

import { Badge, Button, Table } from "@mantine/core";
import { IconPencilPlus } from "@tabler/icons-react";
import { useCallback, useEffect, useState } from "react";
import { get, query } from "../../api/client";
import type { Measures, MissGroup, Misses as Found } from "../../api/measures";
import { go } from "../../app/router";
import { useWords } from "../../i18n";
import { useNow } from "../../lib/clock";
import { useAnswer } from "../../lib/useLoad";
import { onLive } from "../../store/session";
import { Answered } from "../Loaded";
import { asked } from "./period";
import type { Chosen } from "./period";
import { SectionEditor } from "./SectionEditor";

/** They are asked for again with the figures `beside` them, and when other knowledge is in force. */
export function Misses({ chosen, beside }: { chosen: Chosen; beside: Measures }) {
  const { t } = useWords();
  const load = useCallback(() => {
    const { queue: _, ...which } = asked(chosen);
    return get<Found>(`/measures/misses${query(which)}`);
  }, [chosen, beside]);
  const from = useAnswer(load);
  const { again } = from;
  useEffect(() => onLive((event) => void (event.type === "rules" && again())), [again]);
  const [written, setWritten] = useState<MissGroup>();
  return (
    <section data-testid="misses">
      <h2>{t("misses.title")}</h2>
      <p className="muted">{t("misses.text")}</p>
      <Answered from={from}>
        {(found) => (
          <>
            {found.groups.length === 0 ? <p>{t("misses.none")}</p> : <Groups groups={found.groups} write={setWritten} />}
            {found.more && <p className="muted small">{t("misses.more", { n: found.questions })}</p>}
            {written && <SectionEditor group={written} folder={found.folder} onClose={() => setWritten(undefined)} onSaved={from.again} />}
          </>
        )}
      </Answered>
    </section>
  );
}

function Groups({ groups, write }: { groups: MissGroup[]; write: (group: MissGroup) => void }) {
  const { t } = useWords();
  const heads = ["question", "count", "last_seen", "nearest", "write"] as const;
  return (
    <div className="wide">
      <Table verticalSpacing={8} className="misses" aria-label={t("misses.title")}>
        <Table.Thead>
          <Table.Tr>
            {heads.map((head) => (
              <Table.Th key={head} scope="col">
                {t(`misses.${head}`)}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {groups.map((group) => (
            <GroupRow key={group.conversations.join() + group.question} group={group} write={() => write(group)} />
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

function GroupRow({ group, write }: { group: MissGroup; write: () => void }) {
  const { t, number, percent, moment, absolute, languageName } = useWords();
  const now = useNow();
  const done = group.answered === group.count;
  return (
    <Table.Tr data-testid="miss" data-answered={group.answered} data-count={group.count}>
      <Table.Td>
        <bdi dir="auto" className="strong">
          {group.question}
        </bdi>{" "}
        {group.language && <span className="muted small">{languageName(group.language)}</span>}
        {group.wordings.length > 0 && (
          <details>
            <summary className="small">{t("misses.wordings", { n: group.wordings.length })}</summary>
            <ul>
              {group.wordings.map((wording) => (
                <li key={wording}>
                  <bdi dir="auto">{wording}</bdi>
                </li>
              ))}
            </ul>
          </details>
        )}
      </Table.Td>
      <Table.Td>
        {number(group.count)} {group.answered > 0 && <Badge color={done ? "green" : "yellow"} variant="light">{done ? t("misses.answered") : t("misses.partly", { n: group.answered })}</Badge>}
      </Table.Td>
      <Table.Td>
        <button type="button" className="plain link" onClick={() => go({ page: "conversation", id: group.conversations[0] ?? "" })} title={absolute(group.last_seen)} aria-label={t("misses.look", { time: moment(group.last_seen, now) })}>
          <time dateTime={group.last_seen}>{moment(group.last_seen, now)}</time>
        </button>
      </Table.Td>
      <Table.Td>
        {group.nearest ? (
          <>
            <bdi dir="auto">{group.nearest.question}</bdi>
            <div className="muted small">
              {group.nearest.file}, {percent(Math.round(group.nearest.score * 100), 100)}
            </div>
          </>
        ) : (
          t("misses.no_section")
        )}
      </Table.Td>
      <Table.Td>
        <Button size="compact-sm" variant={done ? "subtle" : "light"} leftSection={<IconPencilPlus size={15} />} onClick={write} aria-label={t("misses.write_for", { question: group.question })} data-testid="miss-write">
          {t("misses.write")}
        </Button>
      </Table.Td>
    </Table.Tr>
  );
}
