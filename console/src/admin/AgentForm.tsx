import { ActionIcon, Button, Group, Modal, MultiSelect, NumberInput, PasswordInput, Select, Stack, Switch, TagsInput, TextInput } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconPlus, IconTrash } from "@tabler/icons-react";
import { useState } from "react";
import type { FormEvent } from "react";
import { call } from "../api/client";
import type { Agent, Role } from "../api/types";
import { useComplaint } from "../app/complain";
import { useWords } from "../i18n";
import { useQueueTitle } from "../left/Queues";
import { useStore } from "../store/store";

type Fields = Pick<Agent, "login" | "name" | "role" | "languages" | "queues" | "capacity" | "active"> & { password: string };
type SkillRow = { skill: string; level: number };

const blank: Fields = { login: "", name: "", role: "agent", languages: [], queues: [], capacity: 100, active: true, password: "" };

const roles: Role[] = ["agent", "supervisor", "admin"];

/** Adds an agent, or changes `agent`. */
export function AgentForm({ agent, onClose, onSaved }: { agent: Agent | undefined; onClose: () => void; onSaved: () => void }) {
  const { t } = useWords();
  const complaint = useComplaint();
  const [fields, setFields] = useState<Fields>(() => (agent ? { ...blank, ...agent, password: "" } : blank));
  const [skills, setSkills] = useState<SkillRow[]>(() => Object.entries(agent?.skills ?? {}).map(([skill, level]) => ({ skill, level })));
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);
  const set = (part: Partial<Fields>) => setFields((before) => ({ ...before, ...part }));

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    const { password, active, login, name, role, languages, queues, capacity } = fields;
    const levels = Object.fromEntries(skills.filter((row) => row.skill.trim()).map((row) => [row.skill.trim(), row.level]));
    const body = { login, name, role, languages, queues, capacity, skills: levels, ...(password ? { password } : {}), ...(agent ? { active } : {}) };
    try {
      await (agent ? call("PATCH", `/agents/${encodeURIComponent(agent.id)}`, body) : call("POST", "/agents", body));
      notifications.show({ message: t("agents.saved", { name }), color: "green" });
      onSaved();
    } catch (failure) {
      setError(complaint(failure));
      setBusy(false);
    }
  };

  return (
    <Modal opened onClose={onClose} size="lg" title={agent ? t("agents.edit", { name: agent.name }) : t("agents.add")} closeButtonProps={{ "aria-label": t("app.close_panel") }}>
      <form onSubmit={(event) => void submit(event)} data-testid="agent-form">
        <Stack gap="sm">
          <Person fields={fields} set={set} known={agent !== undefined} />
          <Work fields={fields} set={set} />
          <SkillRows rows={skills} change={setSkills} />
          {agent && <Switch label={t("agents.active")} checked={fields.active} onChange={(event) => set({ active: event.currentTarget.checked })} />}
          {error && <div role="alert" style={{ color: "var(--sb-danger)" }}>{error}</div>}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {t("app.cancel")}
            </Button>
            <Button type="submit" loading={busy} data-testid="agent-save">
              {t("app.save")}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

interface PartProps {
  fields: Fields;
  set: (part: Partial<Fields>) => void;
}

function Person({ fields, set, known }: PartProps & { known: boolean }) {
  const { t } = useWords();
  return (
    <>
      <Group grow align="flex-start">
        <TextInput label={t("agents.name")} value={fields.name} onChange={(event) => set({ name: event.currentTarget.value })} required withAsterisk={false} data-autofocus />
        <TextInput label={t("agents.login")} value={fields.login} onChange={(event) => set({ login: event.currentTarget.value })} required withAsterisk={false} autoComplete="off" autoCapitalize="none" />
      </Group>
      <Group grow align="flex-start">
        <PasswordInput
          label={t(known ? "agents.new_password" : "agents.password")}
          {...(known ? { placeholder: t("agents.keep_password") } : {})}
          value={fields.password}
          onChange={(event) => set({ password: event.currentTarget.value })}
          required={!known}
          withAsterisk={false}
          autoComplete="new-password"
        />
        <Select label={t("agents.role")} data={roles.map((role) => ({ value: role, label: t(`role.${role}`) }))} value={fields.role} onChange={(role) => role && set({ role: role as Role })} allowDeselect={false} />
      </Group>
    </>
  );
}

function Work({ fields, set }: PartProps) {
  const { t } = useWords();
  const queues = useStore((state) => state.queues);
  const title = useQueueTitle();
  const names = [...new Set([...queues.map((queue) => queue.name), ...fields.queues])];
  return (
    <>
      <Group grow align="flex-start">
        <TagsInput label={t("agents.languages")} description={t("agents.languages_hint")} value={fields.languages} onChange={(languages) => set({ languages })} />
        <NumberInput label={t("agents.capacity")} description={t("agents.capacity_hint")} min={0} value={fields.capacity} onChange={(value) => set({ capacity: Number(value) || 0 })} />
      </Group>
      <MultiSelect label={t("agents.queues")} data={names.map((name) => ({ value: name, label: title(name) }))} value={fields.queues} onChange={(chosen) => set({ queues: chosen })} />
    </>
  );
}

function SkillRows({ rows, change }: { rows: SkillRow[]; change: (rows: SkillRow[]) => void }) {
  const { t } = useWords();
  const set = (index: number, part: Partial<SkillRow>) => change(rows.map((row, at) => (at === index ? { ...row, ...part } : row)));
  return (
    <fieldset style={{ border: 0, margin: 0, padding: 0 }}>
      <legend style={{ fontSize: 14, fontWeight: 500, marginBottom: 4 }}>{t("agents.skills")}</legend>
      <Stack gap={6}>
        {rows.map((row, index) => (
          <Group key={index} gap={6} wrap="nowrap">
            <TextInput flex={1} aria-label={t("agents.skill")} value={row.skill} onChange={(event) => set(index, { skill: event.currentTarget.value })} />
            <NumberInput w={90} min={1} max={5} aria-label={t("agents.level")} value={row.level} onChange={(value) => set(index, { level: Number(value) || 1 })} />
            <ActionIcon variant="subtle" color="gray" aria-label={t("agents.remove_skill", { skill: row.skill })} onClick={() => change(rows.toSpliced(index, 1))}>
              <IconTrash size={16} />
            </ActionIcon>
          </Group>
        ))}
        <Button size="compact-sm" variant="subtle" leftSection={<IconPlus size={14} />} style={{ alignSelf: "flex-start" }} onClick={() => change([...rows, { skill: "", level: 3 }])}>
          {t("agents.add_skill")}
        </Button>
      </Stack>
    </fieldset>
  );
}
