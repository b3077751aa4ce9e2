import type { Waits } from "../../api/admin";
import type { Queue } from "../../api/types";
import { useWords } from "../../i18n";
import { useQueueTitle } from "../../left/Queues";
import { useDrop } from "./drag";
import { WaitRow } from "./WaitRow";

interface Props {
  queue: Queue;
  waiting: Waits[];
  at: string;
  full: number;
  chosen: string | undefined;
  choose: (conversation: string) => void;
  assign: (waits: Waits) => void;
  drop: (conversation: string) => void;
}

/** A queue with everybody who waits in it, next first. */
export function QueueLine({ queue, waiting, drop, chosen, ...row }: Props) {
  const { t, duration } = useWords();
  const title = useQueueTitle();
  const { over, place } = useDrop(drop);
  const facts = [
    t("lists.waiting", { n: waiting.length }),
    t("lists.agents_free", { free: queue.agents_free, online: queue.agents_online }),
    ...(waiting.length > 0 && queue.estimated_wait !== undefined ? [t("lists.estimate", { time: duration(queue.estimated_wait) })] : []),
  ];
  return (
    <section className={over ? "queue-line over" : "queue-line"} aria-label={title(queue.name)} {...place} data-testid="board-queue" data-queue={queue.name}>
      <h2>
        <bdi>{title(queue.name)}</bdi> <span className="muted small">{facts.join(" · ")}</span>
      </h2>
      {waiting.length === 0 ? (
        <p className="muted small">{t("lists.queue_empty")}</p>
      ) : (
        <ol aria-label={title(queue.name)}>
          {waiting.map((waits) => (
            <WaitRow key={waits.conversation.id} waits={waits} chosen={waits.conversation.id === chosen} {...row} />
          ))}
        </ol>
      )}
    </section>
  );
}
