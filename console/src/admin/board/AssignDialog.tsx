/** To whom a waiting conversation is given: everybody with what stands in their way, and the other queues. */

import { Modal, TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";
import type { KeyboardEvent } from "react";
import type { Candidate, Waits } from "../../api/admin";
import { colleaguesFor, queuesFor } from "../../conversation/destinations";
import { couldTake } from "../../explain/standing";
import { loadCandidates, useStanding } from "../../explain/Candidates";
import { useWords } from "../../i18n";
import { useCustomerName } from "../../left/ConversationList";
import { useQueueTitle } from "../../left/Queues";
import type { Destination } from "../../store/actions";
import { useStore } from "../../store/store";

interface Props {
  waits: Waits;
  onClose: () => void;
  assign: (to: Destination) => Promise<boolean>;
}

interface Option {
  to: Destination;
  name: string;
  /** Beside the name, and below it. */
  fact: string;
  more: string;
}

export function AssignDialog({ waits, onClose, assign }: Props) {
  const { t } = useWords();
  const nameOf = useCustomerName();
  const [wanted, setWanted] = useState("");
  const [busy, setBusy] = useState(false);
  const options = useOptions(waits).filter(({ name }) => name.toLowerCase().includes(wanted.trim().toLowerCase()));
  const list = useRef<HTMLDivElement>(null);
  const give = (to: Destination) => {
    setBusy(true);
    void assign(to).then((done) => (done ? onClose() : setBusy(false)));
  };
  const down = (event: KeyboardEvent<HTMLElement>) => {
    const items = [...(list.current?.querySelectorAll<HTMLElement>(".found") ?? [])];
    if (event.key === "Enter" && event.target instanceof HTMLInputElement && !event.nativeEvent.isComposing) {
      if (wanted.trim()) items[0]?.click();
      return;
    }
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step === 0 || items.length === 0) return;
    event.preventDefault();
    items[Math.max(0, Math.min(items.length - 1, items.indexOf(document.activeElement as HTMLElement) + step))]?.focus();
  };
  return (
    <Modal opened onClose={onClose} title={t("board.assign_title", { customer: nameOf(waits.conversation.customer) })} closeButtonProps={{ "aria-label": t("app.close_panel") }}>
      <div onKeyDown={down} data-testid="assign-dialog">
        <TextInput label={t("transfer.to_placeholder")} description={t("board.assign_hint")} value={wanted} onChange={(event) => setWanted(event.currentTarget.value)} leftSection={<IconSearch size={16} />} data-autofocus data-testid="assign-filter" />
        <div ref={list} className="assign-list">
          {(["agent", "queue"] as const).map((kind) => (
            <Group key={kind} title={t(kind === "agent" ? "board.agents" : "board.queues")} options={options.filter(({ to }) => kind in to)} busy={busy} give={give} />
          ))}
          {options.length === 0 && <p className="muted small">{t("transfer.none")}</p>}
        </div>
      </div>
    </Modal>
  );
}

/** Agents as the daemon ranks them, those who could take it first; then the queues that it does not wait in. */
function useOptions({ conversation }: Waits): Option[] {
  const { t } = useWords();
  const say = useStanding();
  const title = useQueueTitle();
  const agents = useStore((state) => state.agents);
  const queues = useStore((state) => state.queues);
  const [candidates, setCandidates] = useState<Record<string, Candidate>>({});
  useEffect(() => {
    let current = true;
    loadCandidates(conversation.id).then(
      ({ items }) => current && setCandidates(Object.fromEntries(items.map((item) => [item.agent.id, item]))),
      () => undefined,
    );
    return () => {
      current = false;
    };
  }, [conversation.id]);
  const could = (id: string) => Number(!!candidates[id] && couldTake(candidates[id]));
  const people = colleaguesFor(conversation, Object.values(agents), undefined).sort((a, b) => could(b.id) - could(a.id));
  return [
    ...people.map(({ id, name, presence, load, capacity }) => ({ to: { agent: id }, name, fact: `${t(`presence.${presence}`)} · ${load} / ${capacity}`, more: candidates[id] ? say(candidates[id]).join(" ") : "" })),
    ...queuesFor(conversation, queues).map((queue) => ({ to: { queue: queue.name }, name: title(queue.name), fact: t("lists.agents_free", { free: queue.agents_free, online: queue.agents_online }), more: "" })),
  ];
}

function Group({ title, options, busy, give }: { title: string; options: Option[]; busy: boolean; give: (to: Destination) => void }) {
  if (options.length === 0) return null;
  return (
    <div role="group" aria-label={title}>
      <h3>{title}</h3>
      {options.map(({ to, name, fact, more }) => (
        <button key={Object.values(to).join()} type="button" className="plain found" disabled={busy} onClick={() => give(to)} data-testid="assign-option" data-to={Object.values(to).join()}>
          <span className="assign-name">
            <bdi className="ellipsis">{name}</bdi>
            <span className="muted small">{fact}</span>
          </span>
          {more && <span className="muted small">{more}</span>}
        </button>
      ))}
    </div>
  );
}
