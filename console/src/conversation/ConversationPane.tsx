/** One conversation: its head, its journal, and the composer. */

import "./conversation.css";
import { Button, Loader } from "@mantine/core";
import { useEffect, useMemo } from "react";
import { useWords } from "../i18n";
import { ApiError } from "../api/client";
import { useCustomerName } from "../left/ConversationList";
import { loadConversation, loadNewest } from "../store/actions";
import { dispatch, useStore } from "../store/store";
import { useLoad } from "../lib/useLoad";
import { Composer } from "./Composer";
import { Header } from "./Header";
import { JournalView } from "./JournalView";
import { TypingLine } from "./TypingLine";

interface Props {
  id: string;
  onCustomer: () => void;
  customerShown: boolean;
}

const load = (id: string) => Promise.all([loadConversation(id), loadNewest(id)]);

export function ConversationPane({ id, onCustomer, customerShown }: Props) {
  const { t } = useWords();
  const nameOf = useCustomerName();
  const conversation = useStore((state) => state.conversations[id]);
  const journal = useStore((state) => state.journals[id]);
  const sending = useStore((state) => state.sending);
  const mine = useMemo(() => sending.filter((each) => each.conversation === id), [sending, id]);
  const { failure, again } = useLoad(load, id);
  useSeen(id, conversation?.last.at);
  const lost = !conversation && journal !== undefined;
  useEffect(() => {
    if (lost) return again();
  }, [lost, again]);

  if (failure && !(conversation && journal)) return <Failed failure={failure} again={again} />;
  if (!conversation)
    return (
      <div className="spin-page">
        <Loader role="status" aria-label={t("app.loading")} />
      </div>
    );
  const customer = nameOf(conversation.customer);
  return (
    <section className="conv" aria-label={t("conversation.label")} style={{ display: "flex", flexDirection: "column", minHeight: 0, flex: 1 }} data-testid="conversation" data-conversation={id}>
      <Header conversation={conversation} customer={customer} onCustomer={onCustomer} customerShown={customerShown} />
      {journal ? (
        <JournalView name={id} journal={journal} sending={mine} customer={customer} language={conversation.language} />
      ) : (
        <div className="spin-page" style={{ flex: 1 }}>
          <Loader role="status" aria-label={t("app.loading")} />
        </div>
      )}
      <TypingLine conversation={id} customer={customer} />
      <Composer key={conversation.owner === "agent" ? "mine" : "other"} conversation={conversation} customer={customer} />
    </section>
  );
}

export function Failed({ failure, again }: { failure: unknown; again: () => void }) {
  const { t } = useWords();
  const gone = failure instanceof ApiError && (failure.status === 403 || failure.status === 404);
  return (
    <div className="empty-state" role="alert" style={{ flex: 1 }}>
      <strong>{t(gone ? "conversation.gone" : "conversation.failed")}</strong>
      {!gone && (
        <Button variant="light" size="xs" onClick={again}>
          {t("app.retry")}
        </Button>
      )}
    </div>
  );
}

/** What is on the screen while the page is being looked at has been read. */
function useSeen(id: string, last: string | undefined): void {
  useEffect(() => {
    const look = () => {
      if (last && document.visibilityState === "visible") dispatch({ type: "seen", conversation: id });
    };
    look();
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, [id, last]);
}
