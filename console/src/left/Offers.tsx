/** What is offered to this agent, each with the time that is left. */

import { Button } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useCallback, useState } from "react";
import { ApiError } from "../api/client";
import type { Offer } from "../api/types";
import { useComplain } from "../app/complain";
import { useCommand } from "../app/hotkeys";
import { openConversation } from "../app/router";
import { useWords } from "../i18n";
import { ChannelIcon } from "../lib/ChannelIcon";
import { useNow } from "../lib/clock";
import { acceptOffer, declineOffer } from "../store/actions";
import { dispatch, useStore } from "../store/store";
import { PriorityPill, useCustomerName } from "./ConversationList";
import { useQueueTitle } from "./Queues";

export function Offers() {
  const { t } = useWords();
  const offers = useStore((state) => state.offers);
  const answer = useAnswer();
  const first = offers[0];
  const accept = useCallback(() => first && void answer(first, true), [first, answer]);
  const decline = useCallback(() => first && void answer(first, false), [first, answer]);
  useCommand("accept", first && accept);
  useCommand("decline", first && decline);
  return (
    <section aria-label={t("offers.title")} style={{ padding: offers.length > 0 ? "0 8px 10px" : 0 }}>
      <Announcement offer={offers.at(-1)} />
      {offers.map((offer) => (
        <OfferCard key={offer.id} offer={offer} answer={answer} />
      ))}
    </section>
  );
}

type Answer = (offer: Offer, accept: boolean) => Promise<void>;

function useAnswer(): Answer {
  const { t } = useWords();
  const complain = useComplain();
  return useCallback(
    async (offer, accept) => {
      try {
        await (accept ? acceptOffer(offer) : declineOffer(offer));
        if (accept) openConversation(offer.conversation.id);
      } catch (failure) {
        const gone = failure instanceof ApiError && (failure.status === 409 || failure.status === 404);
        if (!gone) return complain(failure);
        dispatch({ type: "offer_answered", offer: offer.id });
        notifications.show({ message: t("offers.gone"), color: "gray" });
      }
    },
    [t, complain],
  );
}

/** Says a new offer to those who do not see it. */
function Announcement({ offer }: { offer: Offer | undefined }) {
  const { t } = useWords();
  const nameOf = useCustomerName();
  const title = useQueueTitle();
  return (
    <div className="hidden-visually" role="status">
      {offer && t("offers.announce", { customer: nameOf(offer.conversation.customer), queue: title(offer.queue) })}
    </div>
  );
}

function OfferCard({ offer, answer }: { offer: Offer; answer: Answer }) {
  const { t } = useWords();
  const nameOf = useCustomerName();
  const title = useQueueTitle();
  const [busy, setBusy] = useState<"accept" | "decline">();
  const conversation = useStore((state) => state.conversations[offer.conversation.id]) ?? offer.conversation;
  const act = (accept: boolean) => {
    setBusy(accept ? "accept" : "decline");
    void answer(offer, accept).finally(() => setBusy(undefined));
  };
  return (
    <article className="offer" data-testid="offer" data-offer={offer.id}>
      <Countdown offer={offer} />
      <div style={{ minWidth: 0 }}>
        <div className="who">
          <ChannelIcon kind={conversation.kind} size={15} />
          <bdi className="ellipsis">{nameOf(conversation.customer)}</bdi>
          <PriorityPill priority={conversation.priority} />
        </div>
        <div className="muted small ellipsis">{t("offers.from_queue", { queue: title(offer.queue) })}</div>
      </div>
      <bdi className="said" dir="auto">
        {(offer.summary || conversation.last.text).slice(0, 400)}
      </bdi>
      <div className="buttons">
        <Button size="xs" flex={1} onClick={() => act(true)} loading={busy === "accept"} disabled={busy === "decline"} aria-keyshortcuts="a" data-testid="offer-accept">
          {t("offers.accept")}
        </Button>
        <Button size="xs" variant="default" onClick={() => act(false)} loading={busy === "decline"} disabled={busy === "accept"} aria-keyshortcuts="d" data-testid="offer-decline">
          {t("offers.decline")}
        </Button>
      </div>
    </article>
  );
}

const RADIUS = 17;
const LENGTH = 2 * Math.PI * RADIUS;

function Countdown({ offer }: { offer: Offer }) {
  const { t } = useWords();
  const now = useNow("fine");
  const ends = Date.parse(offer.expires_at);
  const whole = Math.max(1, ends - Date.parse(offer.made_at));
  const left = Math.min(whole, Math.max(0, ends - now));
  const seconds = Math.ceil(left / 1_000);
  const colour = seconds <= 5 ? "var(--sb-danger)" : "var(--sb-accent)";
  return (
    <svg className="ring" width="42" height="42" viewBox="0 0 42 42" role="img" aria-label={t("offers.left", { n: seconds })}>
      <circle cx="21" cy="21" r={RADIUS} fill="none" stroke="var(--sb-line)" strokeWidth="4" />
      <circle
        cx="21"
        cy="21"
        r={RADIUS}
        fill="none"
        stroke={colour}
        strokeWidth="4"
        strokeLinecap="round"
        strokeDasharray={LENGTH}
        strokeDashoffset={LENGTH * (1 - left / whole)}
        transform="rotate(-90 21 21)"
        style={{ transition: "stroke-dashoffset 1s linear" }}
      />
      <text x="21" y="21" textAnchor="middle" dominantBaseline="central">
        {seconds}
      </text>
    </svg>
  );
}
