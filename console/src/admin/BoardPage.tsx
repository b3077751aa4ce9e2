/** Who waits, in which order and why, beside the agents; supervisors give them away here. */

import "./board/board.css";
import "../customer/customer.css";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import type { Board, Waits } from "../api/admin";
import type { Queue } from "../api/types";
import { useCommand } from "../app/hotkeys";
import { useWords } from "../i18n";
import { colleaguesFirst } from "../conversation/destinations";
import { useStore } from "../store/store";
import { AgentCard } from "./board/AgentCard";
import { AssignDialog } from "./board/AssignDialog";
import { QueueLine } from "./board/QueueLine";
import { fullBar } from "./board/score";
import { instead, stepped } from "./board/select";
import { useAssign } from "./board/useAssign";
import type { Assign } from "./board/useAssign";
import { useBoard } from "./board/useBoard";
import { Loaded } from "./Loaded";

export function BoardPage() {
  const { t } = useWords();
  const from = useBoard();
  const assign = useAssign(from.again);
  return (
    <Loaded title={t("admin.board")} from={from}>
      {(board) => <BoardView board={board} assign={assign} />}
    </Loaded>
  );
}

function BoardView({ board, assign }: { board: Board; assign: Assign }) {
  const { t } = useWords();
  const frame = useRef<HTMLDivElement>(null);
  const queues = useQueues(board);
  const { chosen, choose } = useChosen(board, frame);
  const [assigning, setAssigning] = useState<Waits>();
  const offered = useStore((state) => state.offers.length > 0);
  const full = useMemo(() => fullBar(board.waiting), [board]);
  const agents = useMemo(() => colleaguesFirst(board.agents), [board]);
  const one = useCallback((id: string | undefined) => board.waiting.find(({ conversation }) => conversation.id === id), [board]);
  const open = useCallback(() => setAssigning(one(chosen)), [one, chosen]);
  // An offer to the supervisor comes first: the same key accepts it.
  useCommand("accept", offered ? undefined : open);
  const give = (id: string, to: Parameters<Assign>[1]) => {
    const waits = one(id);
    if (waits) void assign(waits.conversation, to);
  };
  return (
    <div className="board" ref={frame}>
      <p className="muted small board-hint">{t("board.hint")}</p>
      <div className="queue-lines">
        {queues.map((queue) => (
          <QueueLine
            key={queue.name}
            queue={queue}
            waiting={board.waiting.filter((waits) => waits.queue === queue.name)}
            at={board.at}
            full={full}
            chosen={chosen}
            choose={choose}
            assign={setAssigning}
            drop={(id) => give(id, { queue: queue.name })}
          />
        ))}
      </div>
      <section className="people" aria-label={t("board.agents")}>
        <h2>{t("board.agents")}</h2>
        <ul>
          {agents.map((agent) => (
            <AgentCard key={agent.id} agent={agent} drop={(id) => give(id, { agent: agent.id })} />
          ))}
        </ul>
      </section>
      {assigning && <AssignDialog waits={assigning} onClose={() => setAssigning(undefined)} assign={(to) => assign(assigning.conversation, to)} />}
    </div>
  );
}

/** All queues, those that only the board knows of included. */
function useQueues(board: Board): Queue[] {
  const known = useStore((state) => state.queues);
  return useMemo(() => {
    const names = new Set(known.map(({ name }) => name));
    const others = [...new Set(board.waiting.map(({ queue }) => queue))].filter((name) => !names.has(name));
    return [...known, ...others.map((name) => ({ name, title: {}, waiting: 0, longest_wait: 0, agents_online: 0, agents_free: 0 }))];
  }, [known, board]);
}

/** The chosen conversation, by j and k or by focus. When it is gone, the one in its place is chosen. */
function useChosen(board: Board, frame: React.RefObject<HTMLDivElement | null>) {
  const [chosen, choose] = useState<string>();
  const rows = () => [...(frame.current?.querySelectorAll<HTMLElement>("[data-conversation]") ?? [])];
  const ids = useRef<string[]>([]);
  const show = (id: string | undefined) => rows().find((row) => row.dataset["conversation"] === id)?.focus();
  useEffect(() => {
    const now = rows().map((row) => row.dataset["conversation"] ?? "");
    const next = instead(ids.current, now, chosen);
    ids.current = now;
    if (next === chosen) return;
    choose(next);
    if (document.activeElement === document.body) show(next);
  }, [board]);
  const move = (step: 1 | -1) => show(stepped(ids.current, chosen, step));
  useCommand("next", () => move(1));
  useCommand("previous", () => move(-1));
  return { chosen, choose };
}
