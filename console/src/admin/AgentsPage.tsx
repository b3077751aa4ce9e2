import { Button, Table } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useCallback, useState } from "react";
import { get } from "../api/client";
import type { Agent } from "../api/types";
import { useWords } from "../i18n";
import { useAnswer } from "../lib/useLoad";
import { useStore } from "../store/store";
import { AgentForm } from "./AgentForm";
import { Loaded } from "./Loaded";

const load = () => get<{ items: Agent[] }>("/agents").then((answer) => answer.items);

export function AgentsPage() {
  const { t } = useWords();
  const from = useAnswer(load);
  const [editing, setEditing] = useState<Agent | "new">();
  const { again } = from;
  const done = useCallback(() => {
    setEditing(undefined);
    again();
  }, [again]);
  const add = (
    <Button leftSection={<IconPlus size={16} />} onClick={() => setEditing("new")} data-testid="agent-add">
      {t("agents.add")}
    </Button>
  );
  return (
    <Loaded title={t("admin.agents")} from={from} actions={add}>
      {(agents) => (
        <>
          <div className="wide">
            <AgentTable agents={agents} edit={setEditing} />
          </div>
          {editing && <AgentForm agent={editing === "new" ? undefined : editing} onClose={() => setEditing(undefined)} onSaved={done} />}
        </>
      )}
    </Loaded>
  );
}

function AgentTable({ agents, edit }: { agents: Agent[]; edit: (agent: Agent) => void }) {
  const { t } = useWords();
  const heads = ["agents.name", "agents.role", "agents.presence", "agents.load", "agents.skills", "agents.queues"] as const;
  return (
    <Table verticalSpacing="xs" highlightOnHover>
      <Table.Thead>
        <Table.Tr>
          {heads.map((head) => (
            <Table.Th key={head}>{t(head)}</Table.Th>
          ))}
          <Table.Th>
            <span className="hidden-visually">{t("agents.edit_button")}</span>
          </Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {agents.map((agent) => (
          <AgentRow key={agent.id} agent={agent} edit={edit} />
        ))}
      </Table.Tbody>
    </Table>
  );
}

function AgentRow({ agent, edit }: { agent: Agent; edit: (agent: Agent) => void }) {
  const { t } = useWords();
  const live = useStore((state) => state.agents[agent.id]) ?? agent;
  return (
    <Table.Tr data-testid="agent-row">
      <Table.Td>
        <bdi>{agent.name}</bdi>
        <div className="muted small">
          {agent.login} {!agent.active && <span className="pill bad">{t("agents.inactive")}</span>}
        </div>
      </Table.Td>
      <Table.Td>{t(`role.${agent.role}`)}</Table.Td>
      <Table.Td style={{ whiteSpace: "nowrap" }}>
        <span className={`presence-dot ${live.presence}`} />
        {t(`presence.${live.presence}`)}
      </Table.Td>
      <Table.Td>
        {live.load} / {live.capacity}
      </Table.Td>
      <Table.Td>
        {Object.entries(agent.skills).map(([skill, level]) => (
          <span key={skill} className="pill" style={{ marginInlineEnd: 4 }}>
            {skill} {level}
          </span>
        ))}
      </Table.Td>
      <Table.Td>{agent.queues.join(", ")}</Table.Td>
      <Table.Td>
        <Button size="compact-sm" variant="default" aria-label={t("agents.edit", { name: agent.name })} onClick={() => edit(agent)}>
          {t("agents.edit_button")}
        </Button>
      </Table.Td>
    </Table.Tr>
  );
}
