/** One waiting conversation: its place, who and what, why it waits, and its score. */

import { Button, Tooltip } from "@mantine/core";
import type { Waits } from "../../api/admin";
import { openConversation } from "../../app/router";
import { useWords } from "../../i18n";
import { LastWords, PriorityPill, useCustomerName } from "../../left/ConversationList";
import { ShortAge } from "../../lib/Age";
import { ChannelIcon } from "../../lib/ChannelIcon";
import { useNow } from "../../lib/clock";
import { dragged } from "./drag";
import { reasonText } from "./reason";
import { partNames, segments } from "./score";

interface Props {
  waits: Waits;
  /** When the board was drawn up. */
  at: string;
  /** The score that fills the bar. */
  full: number;
  chosen: boolean;
  choose: (conversation: string) => void;
  assign: (waits: Waits) => void;
}

export function WaitRow({ waits, at, full, chosen, choose, assign }: Props) {
  const words = useWords();
  const { t } = words;
  const nameOf = useCustomerName();
  const now = useNow();
  const { conversation, position } = waits;
  const since = new Date(Date.parse(at) - waits.waited * 1_000).toISOString();
  const name = nameOf(conversation.customer);
  return (
    <li
      className={chosen ? "wait chosen" : "wait"}
      tabIndex={-1}
      onFocus={() => choose(conversation.id)}
      {...dragged(conversation.id)}
      data-testid="waits"
      data-conversation={conversation.id}
      data-chosen={chosen}
    >
      <span className="place" aria-label={t("board.place", { n: position })} role="img">
        {position}
      </span>
      <div className="who">
        <div className="name">
          <ChannelIcon kind={conversation.kind} />
          <button type="button" className="plain link ellipsis" onClick={() => openConversation(conversation.id)} data-testid="waits-open">
            <bdi>{name}</bdi>
          </button>
          <PriorityPill priority={conversation.priority} />
        </div>
        {waits.summary ? (
          <bdi className="last ellipsis" dir="auto">
            {waits.summary.slice(0, 200)}
          </bdi>
        ) : (
          <LastWords conversation={conversation} />
        )}
        <div className="reason" data-testid="waits-reason">
          {reasonText(waits, { ...words, now })}
        </div>
      </div>
      <div className="worth">
        <span className="waited">
          <span className="hidden-visually">{t("board.waited")} </span>
          <ShortAge since={since} />
        </span>
        <Score waits={waits} full={full} />
      </div>
      <Button size="compact-sm" variant="default" onClick={() => assign(waits)} aria-label={t("board.assign_this", { customer: name })} aria-keyshortcuts="a" data-testid="waits-assign">
        {t("board.assign")}
      </Button>
    </li>
  );
}

function Score({ waits, full }: { waits: Waits; full: number }) {
  const { t, number } = useWords();
  const seconds = (value: number) => t("board.seconds", { n: number(Math.round(value)) });
  const lines = [t("board.score", { n: number(Math.round(waits.score)) }), ...partNames.map((part) => `${t(`board.part_${part}`)}: ${seconds(waits.parts[part])}`)];
  return (
    <Tooltip label={lines.map((line) => <div key={line}>{line}</div>)}>
      <span className="score" tabIndex={0} role="img" aria-label={lines.join(", ")} data-testid="waits-score">
        <span className="score-bar">
          {segments(waits, full).map(({ part, start, width, less }) => (
            <span key={part} className={less ? "less" : part} style={{ insetInlineStart: `${start}%`, width: `${width}%` }} />
          ))}
        </span>
        {number(Math.round(waits.score))}
      </span>
    </Tooltip>
  );
}
