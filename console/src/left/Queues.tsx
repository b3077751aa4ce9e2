import { Button, Collapse } from "@mantine/core";
import { IconChevronDown, IconChevronRight } from "@tabler/icons-react";
import { useMemo, useState } from "react";
import type { Queue } from "../api/types";
import { useComplain } from "../app/complain";
import { go } from "../app/router";
import { useWords } from "../i18n";
import { tags } from "../i18n/format";
import { setPresence } from "../store/actions";
import { inBox } from "../store/boxes";
import { useStore } from "../store/store";
import { ConversationList } from "./ConversationList";

/** What an agent without conversations can do. */
export function MineEmpty() {
  const { t } = useWords();
  const complain = useComplain();
  const online = useStore((state) => state.me?.presence === "online");
  return (
    <div className="left-empty">
      <p>
        {t("lists.mine_empty")} {t(online ? "lists.mine_empty_online" : "lists.mine_empty_away")}
      </p>
      {!online && (
        <Button size="compact-sm" variant="light" onClick={() => void setPresence("online").catch(complain)}>
          {t("lists.go_online")}
        </Button>
      )}
    </div>
  );
}

/** A queue's title in the reader's language, its name if it has none. */
export function useQueueTitle(): (name: string) => string {
  const { language } = useWords();
  const queues = useStore((state) => state.queues);
  return (name) => {
    const title = queues.find((queue) => queue.name === name)?.title ?? {};
    return title[language] ?? title[tags[language]] ?? title["en"] ?? name;
  };
}

export function Queues() {
  const { t } = useWords();
  const queues = useStore((state) => state.queues);
  const supervises = useStore((state) => state.me?.role !== "agent");
  return (
    <>
      <div className="left-section">
        <h2>{t("lists.queues")}</h2>
        {supervises && (
          <button type="button" className="plain link" style={{ marginInlineStart: "auto" }} onClick={() => go({ page: "admin", section: "board" })} data-testid="open-board">
            {t("lists.board")}
          </button>
        )}
        <span>{queues.reduce((sum, queue) => sum + queue.waiting, 0)}</span>
      </div>
      {queues.length === 0 && <p className="left-empty">{t("lists.queues_empty")}</p>}
      {queues.map((queue) => (
        <QueueSection key={queue.name} queue={queue} />
      ))}
    </>
  );
}

function QueueSection({ queue }: { queue: Queue }) {
  const { t, duration } = useWords();
  const title = useQueueTitle();
  const [open, setOpen] = useState(false);
  const conversations = useStore((state) => state.conversations);
  const waiting = useMemo(() => inBox({ conversations, boxes: {}, me: null }, "queued", queue.name), [conversations, queue.name]);
  const Chevron = open ? IconChevronDown : IconChevronRight;
  const facts = [
    t("lists.agents_free", { free: queue.agents_free, online: queue.agents_online }),
    ...(queue.waiting > 0 ? [t("lists.longest", { time: duration(queue.longest_wait) })] : []),
    ...(queue.waiting > 0 && queue.estimated_wait !== undefined ? [t("lists.estimate", { time: duration(queue.estimated_wait) })] : []),
  ];
  return (
    <section>
      <button type="button" className="plain queue-head" aria-expanded={open} onClick={() => setOpen(!open)} data-testid="queue" data-queue={queue.name}>
        <Chevron size={15} />
        <bdi className="ellipsis">{title(queue.name)}</bdi>
        <span className={queue.waiting > 0 ? "pill warn" : "pill"} role="img" aria-label={t("lists.waiting", { n: queue.waiting })}>
          {queue.waiting}
        </span>
        <span className="sub ellipsis">{facts.join(" · ")}</span>
      </button>
      <Collapse expanded={open}>
        <div className="queue-list">
          {waiting.length === 0 ? <p className="left-empty">{t(queue.waiting > 0 ? "lists.queue_hidden" : "lists.queue_empty")}</p> : <ConversationList items={waiting} name="queued" label={title(queue.name)} />}
        </div>
      </Collapse>
    </section>
  );
}
