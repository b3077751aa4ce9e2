/** The figures: in large for a first look, by the day as a chart, and everything as tables. */

import { Table } from "@mantine/core";
import type { ReactNode } from "react";
import type { ActionFigures, Measures, Part, Satisfaction, Times } from "../../api/measures";
import { useWords } from "../../i18n";
import { useQueueTitle } from "../../left/Queues";
import { DayChart } from "./DayChart";
import { ModelSection } from "./ModelSection";

export const none = "–";

export function useFigures() {
  const { number, percent, span, language } = useWords();
  const time = (ms: number | undefined) => {
    if (ms === undefined) return none;
    if (ms >= 60_000) return span(Math.round(ms / 1_000));
    const [unit, value] = ms < 1_000 ? (["millisecond", ms] as const) : (["second", ms / 1_000] as const);
    return new Intl.NumberFormat(language === "zh" ? "zh-Hans" : "en", { style: "unit", unit, maximumFractionDigits: ms < 10_000 ? 1 : 0 }).format(value);
  };
  const share = (value: number | undefined) => (value === undefined ? none : percent(Math.round(value * 1_000), 1_000));
  const mean = (value: number | undefined) => (value === undefined ? none : value.toFixed(2));
  return { number, time, share, mean };
}

export function Figures({ measures }: { measures: Measures }) {
  const { t, languageName } = useWords();
  const queueTitle = useQueueTitle();
  return (
    <>
      {measures.days.length > 1 && <DayChart days={measures.days} />}
      <Parts title={t("measures.by_channel")} head={t("measures.channel")} parts={measures.channels} name={(name) => name} testid="by-channel" />
      <Parts title={t("measures.by_language")} head={t("measures.language")} parts={measures.languages} name={(name) => (name ? languageName(name) : t("measures.no_language"))} testid="by-language" />
      <Parts title={t("measures.by_queue")} head={t("measures.queue")} parts={measures.queues} name={(name) => (name ? queueTitle(name) : t("measures.no_queue"))} testid="by-queue" />
      <Handoffs measures={measures} />
      <Actions actions={measures.actions} />
      <ModelSection measures={measures} />
      <Speed measures={measures} />
      <Ratings satisfaction={measures.total.satisfaction} />
    </>
  );
}

/** The most telling ones, in large. */
export function Tiles({ measures: { total, first_reply } }: { measures: Measures }) {
  const { t } = useWords();
  const { number, share, mean, time } = useFigures();
  const { opened, contained, handed, under_way } = total.conversations;
  const answerable = total.answers + total.misses;
  const tiles: Tile[] = [
    ["containment", t("measures.containment"), share(total.containment), t("measures.containment_of", { contained: number(contained), ended: number(contained + handed) })],
    ["opened", t("measures.opened"), number(opened), t("measures.under_way", { n: under_way })],
    ["handed", t("measures.handed"), number(handed), t("measures.handed_text")],
    ["answers", t("measures.answered"), answerable > 0 ? share(total.answers / answerable) : none, t("measures.answered_of", { answers: number(total.answers), questions: number(answerable) })],
    ["first-reply", t("measures.first_reply"), time(first_reply.p50), t("measures.first_reply_text")],
    ["satisfaction", t("measures.satisfaction"), mean(total.satisfaction.average), t("measures.rated_of", { rated: number(total.satisfaction.rated), asked: number(total.satisfaction.asked) })],
  ];
  return <Counts tiles={tiles} />;
}

/** An id, a name, a figure, and what there is to say of it. */
export type Tile = [string, string, string, string];

export function Counts({ tiles }: { tiles: Tile[] }) {
  return (
    <dl className="counts">
      {tiles.map(([id, name, value, more]) => (
        <div key={id} data-testid={`figure-${id}`}>
          <dt>{name}</dt>
          <dd>{value}</dd>
          <dd className="more">{more}</dd>
        </div>
      ))}
    </dl>
  );
}

interface SheetProps {
  title: string;
  heads: string[];
  testid: string;
  empty?: string | undefined;
  /** One a line: what names it, and its cells. */
  rows: [string, ReactNode[]][];
}

/** A table with a heading; the first column is names, the others are numbers. */
export function Sheet({ title, heads, rows, testid, empty }: SheetProps) {
  return (
    <section data-testid={testid}>
      <h2>{title}</h2>
      {rows.length === 0 ? (
        <p className="muted">{empty}</p>
      ) : (
        <div className="wide">
          <Table verticalSpacing={5} className="sheet" aria-label={title}>
            <Table.Thead>
              <Table.Tr>
                {heads.map((head) => (
                  <Table.Th key={head} scope="col">
                    {head}
                  </Table.Th>
                ))}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {rows.map(([key, cells]) => (
                <Table.Tr key={key}>
                  {cells.map((cell, at) => (at === 0 ? <Table.Th key={heads[at]} scope="row">{cell}</Table.Th> : <Table.Td key={heads[at]}>{cell}</Table.Td>))}
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </div>
      )}
    </section>
  );
}

function Parts({ title, head, parts, name, testid }: { title: string; head: string; parts: Part[]; name: (name: string) => string; testid: string }) {
  const { t } = useWords();
  const { number, share, mean } = useFigures();
  const heads = [head, t("measures.opened"), t("measures.contained"), t("measures.handed"), t("measures.containment"), t("measures.answers"), t("measures.misses"), t("measures.satisfaction")];
  const rows = parts.map(({ name: own, conversations: { opened, contained, handed }, containment, answers, misses, satisfaction }): [string, ReactNode[]] => [
    own,
    [name(own), number(opened), number(contained), number(handed), share(containment), number(answers), number(misses), mean(satisfaction.average)],
  ]);
  return <Sheet title={title} heads={heads} rows={rows} testid={testid} empty={t("measures.nothing")} />;
}

function Handoffs({ measures: { handoffs } }: { measures: Measures }) {
  const { t } = useWords();
  const queueTitle = useQueueTitle();
  const { number } = useFigures();
  const rows = handoffs.map(({ rule, queue, count }): [string, ReactNode[]] => [`${queue}/${rule}`, [<bdi key="rule">{rule}</bdi>, queueTitle(queue), number(count)]]);
  return <Sheet title={t("measures.handoffs")} heads={[t("decisions.rule"), t("measures.queue"), t("measures.count")]} rows={rows} testid="handoffs" empty={t("measures.no_handoffs")} />;
}

function Actions({ actions }: { actions: ActionFigures[] }) {
  const { t } = useWords();
  const { number, share, time } = useFigures();
  const heads = [t("measures.action"), t("measures.begun"), t("measures.done"), t("measures.cancelled"), t("measures.otherwise"), t("measures.success"), t("measures.calls"), t("measures.p50"), t("measures.p90"), t("measures.p99")];
  const how = (otherwise: Record<string, number>) => Object.entries(otherwise).map(([word, count]) => `${word} ${number(count)}`).join(", ") || none;
  const rows = actions.map((each): [string, ReactNode[]] => [
    each.action,
    [each.action, number(each.begun), number(each.done), number(each.cancelled), how(each.otherwise), share(each.success), number(each.calls.count), time(each.calls.p50), time(each.calls.p90), time(each.calls.p99)],
  ]);
  return <Sheet title={t("measures.actions")} heads={heads} rows={rows} testid="actions" empty={t("measures.no_actions")} />;
}

function Speed({ measures }: { measures: Measures }) {
  const { t } = useWords();
  const { number, time } = useFigures();
  const row = (key: string, name: string, times: Times): [string, ReactNode[]] => [key, [name, number(times.count), time(times.p50), time(times.p90), time(times.p99)]];
  const rows = [row("first", t("measures.first_reply"), measures.first_reply), row("person", t("measures.person_reply"), measures.person_reply)];
  return <Sheet title={t("measures.speed")} heads={[t("measures.speed_of"), t("measures.count"), t("measures.p50"), t("measures.p90"), t("measures.p99")]} rows={rows} testid="speed" />;
}

function Ratings({ satisfaction: { ratings, rated } }: { satisfaction: Satisfaction }) {
  const { t, percent, number } = useWords();
  const rows = rated === 0 ? [] : ratings.map((count, at): [string, ReactNode[]] => [String(at + 1), [t(`measures.stars_${(at + 1) as 1 | 2 | 3 | 4 | 5}`), number(count), <Share key="share" text={percent(count, rated)} value={count / rated} />]]);
  return <Sheet title={t("measures.ratings")} heads={[t("measures.rating"), t("measures.count"), t("measures.share")]} rows={rows.reverse()} testid="ratings" empty={t("measures.no_ratings")} />;
}

function Share({ text, value }: { text: string; value: number }) {
  return (
    <span className="share">
      <span className="share-bar" style={{ width: `${value * 100}%` }} aria-hidden="true" />
      {text}
    </span>
  );
}
