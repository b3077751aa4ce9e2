/** The console of a logged-in agent: three panes, or the administration, and what hovers above both. */

import { Drawer, Loader } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { lazy, Suspense, useCallback, useEffect, useState } from "react";
import { AssistPane } from "../assist/AssistPane";
import { SideTabs, sideLabels, useSide } from "../assist/SideTabs";
import type { Side } from "../assist/SideTabs";
import { CustomerPane } from "../customer/CustomerPane";
import { FindDialog } from "../customer/FindCustomer";
import { ConversationPane } from "../conversation/ConversationPane";
import { TimelinePane } from "../conversation/TimelinePane";
import { useWords } from "../i18n";
import { LeftPane } from "../left/LeftPane";
import { whatIsShown } from "../store/session";
import { useStore } from "../store/store";
import { EmptyPane } from "./EmptyPane";
import { HelpDialog } from "./HelpDialog";
import { useCommand, useKeyboard } from "./hotkeys";
import { ReconnectingBar } from "./ReconnectingBar";
import { currentRoute, useExplained, useRoute } from "./router";
import type { Route } from "./router";
import { useAlerts } from "./useAlerts";

const AdminArea = lazy(() => import("../admin/AdminArea"));
const ExplanationDrawer = lazy(() => import("../explain/ExplanationDrawer"));

whatIsShown(() => {
  const route = currentRoute();
  if (route.page === "conversation") return { conversation: route.id };
  return route.page === "customer" ? { customer: route.id } : {};
});

export function Shell() {
  const { t } = useWords();
  const route = useRoute();
  const explained = useExplained();
  const supervises = useStore((state) => state.me?.role !== "agent");
  useKeyboard();
  useAlerts();
  return (
    <>
      <a className="skip" href="#middle">
        {t("app.skip")}
      </a>
      <Suspense fallback={<Waiting />}>{route.page === "admin" ? <AdminArea section={route.section} /> : <Panes route={route} />}</Suspense>
      {explained && (
        <Suspense>
          <ExplanationDrawer key={Object.values(explained).join()} explained={explained} />
        </Suspense>
      )}
      <HelpDialog />
      <FindDialog customers={supervises} />
    </>
  );
}

function Waiting() {
  const { t } = useWords();
  return (
    <div className="spin-page">
      <Loader role="status" aria-label={t("app.loading")} />
    </div>
  );
}

function Panes({ route }: { route: Route }) {
  const { t } = useWords();
  const narrow = useMediaQuery("(max-width: 960px)", false, { getInitialValueInEffect: false });
  const [drawer, setDrawer] = useState(false);
  const [wanted, setWanted] = useState(true);
  const [chosen, choose] = useSide();
  const conversation = useStore((state) => (route.page === "conversation" ? state.conversations[route.id] : undefined));
  const customer = route.page === "customer" ? route.id : conversation?.customer.id;
  const side = conversation ? chosen : "customer";
  const [open, setOpen] = narrow ? [drawer, setDrawer] : [wanted, setWanted];
  const turnTo = useCallback(
    (next: Side) => {
      setOpen(!(open && side === next));
      choose(next);
    },
    [open, setOpen, side, choose],
  );
  const toggle = useCallback(() => turnTo("customer"), [turnTo]);
  useCommand("customer", toggle);
  useCommand("assist", useCallback(() => turnTo("assist"), [turnTo]));
  useEffect(() => setDrawer(false), [route]);

  const beside = customer !== undefined && wanted && !narrow;
  const pane = customer !== undefined && (
    <>
      {conversation && <SideTabs side={side} choose={choose} />}
      {conversation && side === "assist" ? <AssistPane key={conversation.id} conversation={conversation.id} /> : <CustomerPane key={customer} id={customer} conversation={conversation?.id} />}
    </>
  );
  return (
    <div className={beside ? "shell" : "shell no-right"}>
      <div className="bar">
        <ReconnectingBar />
      </div>
      <aside className="left" aria-label={t("lists.nav")}>
        <LeftPane />
      </aside>
      <main className="middle" id="middle" tabIndex={-1}>
        <Middle route={route} toggle={toggle} beside={beside && side === "customer"} />
      </main>
      {beside && (
        <aside className="right" aria-label={t(sideLabels[side])}>
          {pane}
        </aside>
      )}
      <Drawer
        opened={narrow === true && drawer && customer !== undefined}
        onClose={() => setDrawer(false)}
        position="right"
        size={360}
        title={t(sideLabels[side])}
        closeButtonProps={{ "aria-label": t("app.close_panel") }}
      >
        {pane}
      </Drawer>
    </div>
  );
}

function Middle({ route, toggle, beside }: { route: Route; toggle: () => void; beside: boolean }) {
  if (route.page === "conversation") return <ConversationPane key={route.id} id={route.id} onCustomer={toggle} customerShown={beside} />;
  if (route.page === "customer") return <TimelinePane key={route.id} id={route.id} onCustomer={toggle} customerShown={beside} />;
  return <EmptyPane />;
}
