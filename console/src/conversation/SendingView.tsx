import { IconAlertTriangle, IconClock } from "@tabler/icons-react";
import { useWords } from "../i18n";
import { discard, retry } from "../store/outbox";
import type { Sending } from "../store/state";
import { useStore } from "../store/store";
import { Content, EntryView } from "./EntryView";

/** A reply or note that has no entry in the journal yet. */
export function SendingView({ sending, customer }: { sending: Sending; customer: string }) {
  const { t } = useWords();
  const me = useStore((state) => state.me);
  if (sending.entry) return <EntryView entry={sending.entry} customer={customer} follows={false} />;
  const refused = sending.refused !== undefined;
  return (
    <li className={`said-row out ${sending.kind === "note" ? "note" : ""}`} data-testid="sending" data-refused={refused || undefined}>
      <div className="by">
        <strong>
          <bdi>{me?.name}</bdi>
        </strong>
      </div>
      <div className="bubble waiting">
        <Content body={{ text: sending.text, attachments: sending.attachments }} />
      </div>
      <div className="under">
        {refused ? (
          <>
            <span className="line failing" role="alert">
              <IconAlertTriangle size={14} aria-hidden />
              {t("delivery.refused")}: {sending.refused}
            </span>
            <button type="button" className="plain link" onClick={() => retry(sending)} data-testid="sending-retry">
              {t("delivery.retry")}
            </button>
            <button type="button" className="plain link" onClick={() => discard(sending)} data-testid="sending-discard">
              {t("delivery.discard")}
            </button>
          </>
        ) : (
          <span className="line">
            <IconClock size={14} aria-hidden />
            {t("delivery.waiting")}
          </span>
        )}
      </div>
    </li>
  );
}
