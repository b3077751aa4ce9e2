/** Turns live events into sound, the page's title and desktop notifications. */

import { useEffect } from "react";
import { useWords } from "../i18n";
import { chime, notifyDesktop, setTitle } from "../lib/alerts";
import { inBox, unread } from "../store/boxes";
import { onLive } from "../store/session";
import { read, useStore } from "../store/store";
import { go, openConversation } from "./router";
import type { LiveEvent } from "../api/types";
import type { Words } from "../i18n";

function alertTo(event: LiveEvent, t: Words["t"]): void {
  if (event.type === "offer") {
    const { conversation, summary, queue, id } = event.offer;
    chime("offer");
    notifyDesktop(t("offers.flash"), `${conversation.customer.name ?? t("lists.nameless")} · ${queue}\n${(summary || conversation.last.text).slice(0, 140)}`, id, () => go({ page: "home" }));
  }
  if (event.type !== "entry" || event.entry.author.type !== "customer") return;
  const { me, conversations } = read();
  const conversation = conversations[event.entry.conversation];
  if (!conversation || conversation.agent?.id !== me?.id || conversation.owner !== "agent") return;
  if (document.visibilityState === "visible" && document.hasFocus() && location.pathname.endsWith(conversation.id)) return;
  chime("message");
  notifyDesktop(conversation.customer.name ?? t("lists.nameless"), event.entry.body?.text.slice(0, 140) ?? "", conversation.id, () => openConversation(conversation.id));
}

export function useAlerts(): void {
  const { t } = useWords();
  const offers = useStore((state) => state.offers.length);
  const waiting = useStore((state) => inBox(state, "mine").filter((each) => unread(each, state.seen) > 0).length);
  useEffect(() => onLive((event) => alertTo(event, t)), [t]);
  useEffect(() => {
    const title = waiting > 0 ? `(${waiting}) ${t("app.name")}` : t("app.name");
    setTitle(title, offers > 0 ? `● ${t("offers.flash")}` : undefined);
    return () => setTitle(t("app.name"));
  }, [offers, waiting, t]);
}
