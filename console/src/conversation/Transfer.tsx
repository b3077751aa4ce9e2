/** Gives a conversation to a colleague or a queue. */

import { Button, Group, Modal, Select, Stack, Textarea, Tooltip } from "@mantine/core";
import type { ComboboxItem } from "@mantine/core";
import { IconArrowForwardUp } from "@tabler/icons-react";
import { useCallback, useState } from "react";
import type { FormEvent } from "react";
import type { Conversation } from "../api/types";
import { useCommand } from "../app/hotkeys";
import { useWords } from "../i18n";
import { useQueueTitle } from "../left/Queues";
import { transfer } from "../store/actions";
import type { Destination } from "../store/actions";
import { hasDraft } from "../store/drafts";
import { useStore } from "../store/store";
import { colleaguesFor, queuesFor } from "./destinations";
import { useAct } from "./useAct";

/** A destination as the value of an option: `agent` or `queue`, a blank, and which. */
type To = `${"agent" | "queue"} ${string}`;

function destination(to: To): Destination {
  const which = to.slice("agent ".length);
  return to.startsWith("agent ") ? { agent: which } : { queue: which };
}

export function Transfer({ conversation }: { conversation: Conversation }) {
  const { t } = useWords();
  const { busy, act } = useAct();
  const [open, setOpen] = useState(false);
  const [to, setTo] = useState<To | null>(null);
  const [note, setNote] = useState("");
  const name = useName();
  const show = useCallback(() => setOpen(true), []);
  useCommand("transfer", show);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (!to || !(await act(transfer(conversation.id, destination(to), note.trim()), t("transfer.done", { to: name(to) })))) return;
    setOpen(false);
    setTo(null);
    setNote("");
  };
  return (
    <>
      <Tooltip label={t("conversation.transfer_title")}>
        <Button size="xs" variant="default" leftSection={<IconArrowForwardUp size={15} />} onClick={show} aria-keyshortcuts="t" data-testid="transfer">
          {t("conversation.transfer")}
        </Button>
      </Tooltip>
      <Modal opened={open} onClose={() => setOpen(false)} title={t("transfer.title")} closeButtonProps={{ "aria-label": t("app.close_panel") }}>
        <form onSubmit={(event) => void submit(event)} data-testid="transfer-form">
          <Stack gap="sm">
            <ToSelect conversation={conversation} to={to} choose={setTo} />
            <Textarea label={t("transfer.note")} description={t("transfer.note_hint")} autosize minRows={3} maxRows={10} dir="auto" value={note} onChange={(event) => setNote(event.currentTarget.value)} data-testid="transfer-note" />
            {hasDraft(conversation.id) && <span className="muted small">{t("conversation.confirm_draft")}</span>}
            <Group justify="flex-end">
              <Button variant="default" onClick={() => setOpen(false)}>
                {t("app.cancel")}
              </Button>
              <Button type="submit" loading={busy} disabled={!to} data-testid="transfer-confirm">
                {t("conversation.transfer")}
              </Button>
            </Group>
          </Stack>
        </form>
      </Modal>
    </>
  );
}

function useName(): (to: To) => string {
  const agents = useStore((state) => state.agents);
  const title = useQueueTitle();
  return (to) => {
    const where = destination(to);
    return "agent" in where ? (agents[where.agent]?.name ?? where.agent) : title(where.queue);
  };
}

function ToSelect({ conversation, to, choose }: { conversation: Conversation; to: To | null; choose: (to: To | null) => void }) {
  const { t } = useWords();
  const me = useStore((state) => state.me);
  const agents = useStore((state) => state.agents);
  const queues = useStore((state) => state.queues);
  const name = useName();
  const option = (value: To) => ({ value, label: name(value) });
  const data = [
    { group: t("transfer.colleagues"), items: colleaguesFor(conversation, Object.values(agents), me?.id).map(({ id }) => option(`agent ${id}`)) },
    { group: t("transfer.queues"), items: queuesFor(conversation, queues).map((queue) => option(`queue ${queue.name}`)) },
  ];
  return (
    <Select
      label={t("transfer.to")}
      placeholder={t("transfer.to_placeholder")}
      data={data}
      value={to}
      onChange={choose}
      renderOption={({ option: shown }) => <Option option={shown} />}
      inputWrapperOrder={["label", "input", "description"]}
      description={to?.startsWith("agent ") ? t("transfer.kept") : undefined}
      nothingFoundMessage={t("transfer.none")}
      searchable
      openOnFocus={false}
      allowDeselect={false}
      data-autofocus
      data-testid="transfer-to"
    />
  );
}

/** A colleague with their presence, a queue with how many are there. */
function Option({ option: { value, label } }: { option: ComboboxItem }) {
  const { t } = useWords();
  const where = destination(value as To);
  const presence = useStore((state) => ("agent" in where ? (state.agents[where.agent]?.presence ?? "offline") : undefined));
  const queue = useStore((state) => ("queue" in where ? state.queues.find((each) => each.name === where.queue) : undefined));
  return (
    <span className="to-option" data-testid="transfer-option" data-to={value}>
      {presence && <span className={`presence-dot ${presence}`} />}
      <bdi className="ellipsis">{label}</bdi>
      <span className="muted small">
        {presence && t(`presence.${presence}`)}
        {queue && t("lists.agents_free", { free: queue.agents_free, online: queue.agents_online })}
      </span>
    </span>
  );
}
