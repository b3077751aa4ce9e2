import { ActionIcon, Tooltip } from "@mantine/core";
import { IconLayoutSidebarRight } from "@tabler/icons-react";
import type { Conversation } from "../api/types";
import { Verified } from "../customer/Verified";
import { useWords } from "../i18n";
import { ChannelIcon } from "../lib/ChannelIcon";
import { PriorityPill, TicketNumber } from "../left/ConversationList";
import { useQueueTitle } from "../left/Queues";
import { useStore } from "../store/store";
import { Mood } from "./Mood";
import { OwnerActions } from "./OwnerActions";
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
        <Ticket conversation={conversation} />
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

/** Its number, and the way to the page that the customer sees. */
function Ticket({ conversation: { id, ticket } }: { conversation: Conversation }) {
  const { t } = useWords();
  const url = useStore((state) => state.details[id]?.ticket_url);
  const subject = useStore((state) => state.details[id]?.ticket_subject);
  if (ticket === undefined || !url) return <TicketNumber number={ticket} />;
  return (
    <>
      <a className="small" style={{ color: "var(--sb-accent)", fontWeight: 400 }} href={url} target="_blank" rel="noopener noreferrer" title={t("conversation.ticket_page")} data-testid="ticket-link">
        #{ticket}
      </a>
      {subject && <bdi className="subject ellipsis muted">{subject}</bdi>}
    </>
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
