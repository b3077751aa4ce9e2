/** Everything of one customer on all channels, to read. */

import "./conversation.css";
import { Loader } from "@mantine/core";
import { useCallback } from "react";
import type { Entry } from "../api/types";
import { openConversation } from "../app/router";
import { useWords } from "../i18n";
import { ChannelIcon } from "../lib/ChannelIcon";
import { useLoad } from "../lib/useLoad";
import { useCustomerName } from "../left/ConversationList";
import { loadCustomer, loadNewest } from "../store/actions";
import { useStore } from "../store/store";
import { CustomerToggle } from "./Header";
import { Failed } from "./ConversationPane";
import { JournalView } from "./JournalView";

interface Props {
  id: string;
  onCustomer: () => void;
  customerShown: boolean;
}

const load = (id: string) => Promise.all([loadCustomer(id), loadNewest(`customer:${id}`)]);

export function TimelinePane({ id, onCustomer, customerShown }: Props) {
  const { t } = useWords();
  const nameOf = useCustomerName();
  const key = `customer:${id}`;
  const customer = useStore((state) => state.customers[id]);
  const journal = useStore((state) => state.journals[key]);
  const { failure, again } = useLoad(load, id);
  const origin = useCallback((entry: Entry) => <Origin conversation={entry.conversation} />, []);
  if (failure && !(customer && journal)) return <Failed failure={failure} again={again} />;
  if (!customer || !journal)
    return (
      <div className="spin-page">
        <Loader role="status" aria-label={t("app.loading")} />
      </div>
    );
  return (
    <section style={{ display: "flex", flexDirection: "column", minHeight: 0, flex: 1 }} data-testid="timeline">
      <header className="conv-head">
        <h1>{t("conversation.timeline", { customer: nameOf(customer) })}</h1>
        <div className="actions">
          <CustomerToggle onCustomer={onCustomer} shown={customerShown} />
        </div>
        <div className="facts">{t("conversation.timeline_note")}</div>
      </header>
      <JournalView name={key} journal={journal} sending={[]} customer={nameOf(customer)} origin={origin} />
    </section>
  );
}

function Origin({ conversation }: { conversation: string }) {
  const { t } = useWords();
  const known = useStore((state) => state.conversations[conversation]);
  if (!known) return null;
  return (
    <button type="button" className="plain pill" title={t("journal.open_conversation")} onClick={() => openConversation(conversation)}>
      <ChannelIcon kind={known.kind} size={12} /> <bdi>{known.channel}</bdi>
    </button>
  );
}
