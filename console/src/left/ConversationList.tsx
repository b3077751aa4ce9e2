import { memo } from "react";
import type { Conversation } from "../api/types";
import { openConversation, useRoute } from "../app/router";
import { useWords } from "../i18n";
import { ShortAge } from "../lib/Age";
import { ChannelIcon } from "../lib/ChannelIcon";
import { useNow } from "../lib/clock";
import { unread } from "../store/boxes";
import { hasDraft } from "../store/drafts";
import { useStore } from "../store/store";

/** Seconds without an answer after which the age turns red. */
const LONG_WAIT = 300;

interface Props {
  items: Conversation[];
  name: string;
  label: string;
}

export function ConversationList({ items, name, label }: Props) {
  const route = useRoute();
  const current = route.page === "conversation" ? route.id : undefined;
  return (
    <ul className="list" aria-label={label} data-list={name}>
      {items.map((conversation) => (
        <li key={conversation.id}>
          <ConversationItem conversation={conversation} current={conversation.id === current} name={name} />
        </li>
      ))}
    </ul>
  );
}

/** The customer's name, or what stands for it. */
export function useCustomerName(): (customer: { name?: string }) => string {
  const { t } = useWords();
  return (customer) => customer.name?.trim() || t("lists.nameless");
}

const ConversationItem = memo(function ConversationItem({ conversation, current, name }: { conversation: Conversation; current: boolean; name: string }) {
  const nameOf = useCustomerName();
  const me = useStore((state) => state.me);
  const mine = conversation.owner === "agent" && conversation.agent?.id === me?.id;
  const count = useStore((state) => (mine ? unread(conversation, state.seen) : 0));
  return (
    <button
      type="button"
      className={`plain item${count > 0 ? " unread" : ""}`}
      aria-current={current ? "true" : undefined}
      onClick={() => openConversation(conversation.id)}
      data-testid="conversation-item"
      data-conversation={conversation.id}
    >
      <span className="name">
        <ChannelIcon kind={conversation.kind} />
        <bdi className="ellipsis">{nameOf(conversation.customer)}</bdi>
        <TicketNumber number={conversation.ticket} />
        <PriorityPill priority={conversation.priority} />
      </span>
      <span className="end">
        <Waiting conversation={conversation} inQueue={name === "queued"} />
      </span>
      <LastWords conversation={conversation} />
      <span className="end">
        {name === "open" && <OwnerPill conversation={conversation} />}
        <Unread count={count} />
      </span>
    </button>
  );
});

/** Who said what last, in one line. */
export function LastWords({ conversation }: { conversation: Conversation }) {
  const { t } = useWords();
  const me = useStore((state) => state.me);
  const { author, text } = conversation.last;
  const draft = hasDraft(conversation.id);
  const prefix = author.type === "bot" ? t("lists.bot") : author.type === "agent" ? (author.id === me?.id ? t("lists.you") : author.name) : undefined;
  return (
    <span className="last ellipsis">
      {draft && <span style={{ color: "var(--sb-danger)" }}>{t("lists.draft")} · </span>}
      {prefix && <>{prefix}: </>}
      <bdi>{text.slice(0, 200)}</bdi>
    </span>
  );
}

function Unread({ count }: { count: number }) {
  const { t } = useWords();
  if (count === 0) return null;
  return (
    <span className="count" role="img" aria-label={t("lists.unread", { n: count })} data-testid="unread">
      {count > 99 ? "99+" : count}
    </span>
  );
}

function Waiting({ conversation, inQueue }: { conversation: Conversation; inQueue: boolean }) {
  const { t, clock } = useWords();
  const now = useNow();
  const asked = useStore((state) => state.asked[conversation.id]);
  if (inQueue && conversation.waiting_since) return <ShortAge since={conversation.waiting_since} className="waits" />;
  if (conversation.owner !== "agent" || !asked) return <ShortAge since={conversation.last.at} />;
  const long = now - Date.parse(asked) > LONG_WAIT * 1_000;
  return (
    <span className={long ? "waits long" : "waits"} title={t("lists.waits", { time: clock(asked) })}>
      <ShortAge since={asked} />
    </span>
  );
}

/** By what the customer names it. */
export function TicketNumber({ number }: { number: number | undefined }) {
  return number === undefined ? null : (
    <span className="muted small" data-testid="ticket-number">
      #{number}
    </span>
  );
}

export function PriorityPill({ priority }: { priority: Conversation["priority"] }) {
  const { t } = useWords();
  if (priority === "normal" || priority === "low") return null;
  return <span className={`pill ${priority}`}>{t(`priority.${priority}`)}</span>;
}

function OwnerPill({ conversation }: { conversation: Conversation }) {
  const { t } = useWords();
  const label = conversation.owner === "agent" ? (conversation.agent?.name ?? t("owner.agent")) : t(`owner.${conversation.owner}`);
  return <bdi className="pill ellipsis" style={{ maxWidth: 90 }}>{label}</bdi>;
}
