import { useState } from "react";
import type { Conversation } from "../api/types";
import { openConversation } from "../app/router";
import { useWords } from "../i18n";
import { Ago } from "../lib/Age";
import { ChannelIcon } from "../lib/ChannelIcon";
import { useStore } from "../store/store";
import { TimelineLink } from "./CustomerPane";
import type { KnownCustomer } from "./CustomerPane";

/** So many are shown before somebody asks for the rest. */
const FIRST = 6;

export function OtherConversations({ customer, current }: { customer: KnownCustomer; current: string | undefined }) {
  const { t } = useWords();
  const known = useStore((state) => state.conversations);
  const [all, setAll] = useState(false);
  const conversations = customer.conversations.flatMap((id) => known[id] ?? []);
  const channels = new Set(conversations.map((each) => each.channel)).size;
  return (
    <section>
      <h3>{t(channels > 1 ? "customer.channels_count" : "customer.conversations_count", { n: conversations.length, channels })}</h3>
      {(all ? conversations : conversations.slice(0, FIRST)).map((conversation) => (
        <Other key={conversation.id} conversation={conversation} current={conversation.id === current} />
      ))}
      {!all && conversations.length > FIRST && (
        <button type="button" className="plain link small" style={{ display: "block", marginTop: 4 }} onClick={() => setAll(true)}>
          {t("app.more")}
        </button>
      )}
      {conversations.length > 1 && <TimelineLink customer={customer.id} />}
    </section>
  );
}

function Other({ conversation, current }: { conversation: Conversation; current: boolean }) {
  const { t } = useWords();
  return (
    <button type="button" className="plain other" aria-current={current ? "true" : undefined} onClick={() => openConversation(conversation.id)} data-testid="other-conversation">
      <ChannelIcon kind={conversation.kind} size={15} />
      <bdi className="ellipsis">{conversation.subject ?? conversation.channel}</bdi>
      <span className={conversation.owner === "closed" ? "pill" : "pill accent"}>{t(`owner.${conversation.owner}`)}</span>
      <span className="sub ellipsis">
        <Ago at={conversation.last.at} />
        {conversation.last.text && <bdi> · {conversation.last.text.slice(0, 120)}</bdi>}
      </span>
    </button>
  );
}
