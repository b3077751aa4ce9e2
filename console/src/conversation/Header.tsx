import { ActionIcon, Button, Group, Modal, Text, Tooltip } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconCheck, IconLayoutSidebarRight, IconRobot } from "@tabler/icons-react";
import { useCallback, useState } from "react";
import type { Conversation } from "../api/types";
import { useComplain } from "../app/complain";
import { useCommand } from "../app/hotkeys";
import { Verified } from "../customer/Verified";
import { useWords } from "../i18n";
import { ChannelIcon } from "../lib/ChannelIcon";
import { PriorityPill } from "../left/ConversationList";
import { useQueueTitle } from "../left/Queues";
import { closeConversation, returnToBot } from "../store/actions";
import { hasDraft } from "../store/drafts";
import { useStore } from "../store/store";
import { Mood } from "./Mood";
import { Tags } from "./Tags";

interface Props {
  conversation: Conversation;
  customer: string;
  onCustomer: () => void;
  customerShown: boolean;
}

export function Header({ conversation, customer, onCustomer, customerShown }: Props) {
  const { languageName } = useWords();
  return (
    <header className="conv-head">
      <h1>
        <bdi className="ellipsis" data-testid="conversation-customer">
          {customer}
        </bdi>
        <Verified verified={conversation.customer.verified} />
        {conversation.subject && <bdi className="subject ellipsis muted">{conversation.subject}</bdi>}
      </h1>
      <div className="actions">
        <OwnerActions conversation={conversation} />
        <CustomerToggle onCustomer={onCustomer} shown={customerShown} />
      </div>
      <div className="facts">
        <span className="fact">
          <ChannelIcon kind={conversation.kind} />
          <bdi>{conversation.channel}</bdi>
        </span>
        <OwnerFact conversation={conversation} />
        {conversation.language && conversation.language !== "und" && <span>{languageName(conversation.language)}</span>}
        <PriorityPill priority={conversation.priority} />
        <Mood mood={conversation.mood} />
        <Tags conversation={conversation.id} tags={conversation.tags} />
      </div>
    </header>
  );
}

function OwnerFact({ conversation }: { conversation: Conversation }) {
  const { t } = useWords();
  const title = useQueueTitle();
  const me = useStore((state) => state.me);
  const { owner, agent, queue } = conversation;
  const text =
    owner === "agent"
      ? agent?.id === me?.id
        ? t("conversation.owner_you")
        : t("conversation.owner_agent", { agent: agent?.name ?? "" })
      : owner === "queue"
        ? t("conversation.owner_queue", { queue: title(queue ?? "") })
        : t(`conversation.owner_${owner}`);
  const tone = owner === "agent" ? "accent" : owner === "queue" ? "warn" : "";
  return (
    <span className={`pill ${tone}`} data-testid="owner" data-owner={owner}>
      {text}
      {owner === "agent" && queue ? ` · ${title(queue)}` : ""}
    </span>
  );
}

/** Closing and giving back, for who answers. */
function OwnerActions({ conversation }: { conversation: Conversation }) {
  const { t } = useWords();
  const complain = useComplain();
  const me = useStore((state) => state.me);
  const [asking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  const mine = conversation.owner === "agent" && conversation.agent?.id === me?.id;
  const { id } = conversation;

  const act = useCallback(
    (what: typeof closeConversation, done: string) => {
      setBusy(true);
      what(id)
        .then(() => notifications.show({ message: done, color: "gray", icon: <IconCheck size={16} /> }), complain)
        .finally(() => {
          setBusy(false);
          setAsking(false);
        });
    },
    [id, complain],
  );
  const bot = useCallback(() => mine && act(returnToBot, t("conversation.returned")), [mine, act, t]);
  const ask = useCallback(() => mine && setAsking(true), [mine]);
  useCommand("bot", bot);
  useCommand("close", ask);
  if (!mine) return null;
  return (
    <>
      <Tooltip label={t("conversation.bot_title")}>
        <Button size="xs" variant="default" leftSection={<IconRobot size={15} />} onClick={bot} disabled={busy} aria-keyshortcuts="b" data-testid="return-to-bot">
          {t("conversation.bot")}
        </Button>
      </Tooltip>
      <Tooltip label={t("conversation.close_title")}>
        <Button size="xs" variant="default" leftSection={<IconCheck size={15} />} onClick={ask} disabled={busy} aria-keyshortcuts="e" data-testid="close">
          {t("conversation.close")}
        </Button>
      </Tooltip>
      <Modal opened={asking} onClose={() => setAsking(false)} title={t("conversation.confirm_close")} size="sm" closeButtonProps={{ "aria-label": t("app.close_panel") }}>
        <Text size="sm" mb="md">
          {t("conversation.confirm_close_text")} {hasDraft(id) && t("conversation.confirm_draft")}
        </Text>
        <Group justify="flex-end">
          <Button variant="default" onClick={() => setAsking(false)}>
            {t("app.cancel")}
          </Button>
          <Button data-autofocus loading={busy} onClick={() => act(closeConversation, t("conversation.closed"))} data-testid="close-confirm">
            {t("conversation.close")}
          </Button>
        </Group>
      </Modal>
    </>
  );
}

export function CustomerToggle({ onCustomer, shown }: { onCustomer: () => void; shown: boolean }) {
  const { t } = useWords();
  const label = t(shown ? "app.hide_customer" : "app.show_customer");
  return (
    <Tooltip label={label}>
      <ActionIcon variant="subtle" color="gray" size="lg" aria-label={label} aria-pressed={shown} aria-keyshortcuts="i" onClick={onCustomer} data-testid="customer-toggle">
        <IconLayoutSidebarRight size={19} />
      </ActionIcon>
    </Tooltip>
  );
}
