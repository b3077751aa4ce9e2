import type { Board } from "../../api/admin";
import { useWords } from "../../i18n";
import { useStore } from "../../store/store";
import { useDrop } from "./drag";

/** An agent with what they have in hand; a conversation dropped on it is theirs. */
export function AgentCard({ agent, drop }: { agent: Board["agents"][number]; drop: (conversation: string) => void }) {
  const { t } = useWords();
  const { over, place } = useDrop(drop);
  const { presence, load, capacity } = useStore((state) => state.agents[agent.id]) ?? agent;
  const share = capacity > 0 ? Math.min(100, (load / capacity) * 100) : 100;
  const skills = Object.entries(agent.skills)
    .map(([skill, level]) => `${skill} ${level}`)
    .join(", ");
  return (
    <li className={over ? "agent-card over" : "agent-card"} {...place} data-testid="board-agent" data-agent={agent.id}>
      <div className="name">
        <span className={`presence-dot ${presence}`} />
        <bdi className="ellipsis">{agent.name}</bdi>
        <span className="muted small">{t(`presence.${presence}`)}</span>
      </div>
      <div className="load">
        <span className="load-bar" role="meter" aria-label={t("board.load_of", { agent: agent.name })} aria-valuemin={0} aria-valuemax={capacity} aria-valuenow={Math.min(load, capacity)} aria-valuetext={t("presence.load", { load, capacity })}>
          <span className={share >= 100 ? "full" : ""} style={{ width: `${share}%` }} />
        </span>
        <span className="small muted">
          {load} / {capacity}
        </span>
      </div>
      {agent.conversations !== undefined && <div className="small muted">{t("board.conversations", { n: agent.conversations })}</div>}
      {skills && <div className="small muted ellipsis" title={skills}>{skills}</div>}
    </li>
  );
}
