import { Tooltip } from "@mantine/core";
import { IconAlertTriangle, IconCheck, IconChecks, IconClock, IconHandStop, IconHelpCircle } from "@tabler/icons-react";
import { useState } from "react";
import type { Delivery, DeliveryState } from "../api/types";
import { useComplain } from "../app/complain";
import { useWords } from "../i18n";
import { resend } from "../store/actions";

const icons: Record<DeliveryState, typeof IconCheck> = {
  pending: IconClock,
  sending: IconClock,
  sent: IconCheck,
  delivered: IconChecks,
  read: IconChecks,
  failed: IconAlertTriangle,
  unknown: IconHelpCircle,
  held: IconHandStop,
};

const tones: Partial<Record<DeliveryState, string>> = { failed: "failing", unknown: "doubtful", held: "doubtful" };

/** How an outbound fares, with the button to send it again where that makes sense. */
export function DeliveryLine({ outbound, delivery }: { outbound: string; delivery: Delivery }) {
  const { t } = useWords();
  const { state, error, attempts, held_for } = delivery;
  const tone = tones[state];
  const Icon = icons[state];
  const hint = state === "unknown" ? t("delivery.unknown_hint") : state === "held" ? t(`delivery.held_for_${held_for ?? "channel"}`) : undefined;
  const lines = [
    ...(hint ? [hint] : []),
    ...(error ? [error] : []),
    ...(attempts > 0 ? [t("delivery.attempts", { n: attempts })] : []),
  ];
  const line = (
    <span className={tone ? `line ${tone}` : "line"} data-testid="delivery" data-state={state} tabIndex={tone ? 0 : undefined}>
      <Icon size={14} aria-hidden color={state === "read" ? "var(--sb-accent)" : undefined} />
      {t(`delivery.${state}`)}
    </span>
  );
  return (
    <>
      {lines.length > 0 ? <Tooltip label={lines.map((each) => <div key={each}>{each}</div>)}>{line}</Tooltip> : line}
      {state === "held" && <span data-testid="held-for">{hint}</span>}
      {tone && error && <span className="foreign">{error.slice(0, 160)}</span>}
      {tone && <Resend outbound={outbound} />}
    </>
  );
}

function Resend({ outbound }: { outbound: string }) {
  const { t } = useWords();
  const complain = useComplain();
  const [busy, setBusy] = useState(false);
  const again = () => {
    setBusy(true);
    resend(outbound)
      .catch(complain)
      .finally(() => setBusy(false));
  };
  return (
    <button type="button" className="plain link" disabled={busy} onClick={again} data-testid="resend">
      {t("delivery.resend")}
    </button>
  );
}
