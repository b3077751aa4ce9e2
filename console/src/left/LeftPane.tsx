/** The left pane: who I am, what is offered to me, and the lists of conversations. */

import "./left.css";
import { ActionIcon, SegmentedControl, Tooltip } from "@mantine/core";
import { IconAlertTriangle, IconSearch } from "@tabler/icons-react";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useComplain } from "../app/complain";
import { run, useCommand } from "../app/hotkeys";
import icon from "../app/icon.svg";
import { go, openConversation, useRoute } from "../app/router";
import { useWords } from "../i18n";
import { loadBox } from "../store/actions";
import { inBox } from "../store/boxes";
import { read, useStore } from "../store/store";
import { ConversationList } from "./ConversationList";
import { MainMenu } from "./MainMenu";
import { Offers } from "./Offers";
import { PresenceSwitch, Ready } from "./PresenceSwitch";
import { MineEmpty, Queues } from "./Queues";

type Tab = "inbox" | "open" | "closed";

export function LeftPane() {
  const { t } = useWords();
  const scroll = useRef<HTMLDivElement>(null);
  const { tab, choose } = useTab(scroll);
  useMove(scroll);
  return (
    <>
      <header className="left-head">
        <div className="brand">
          <img src={icon} alt="" />
          <span className="ellipsis">{t("app.name")}</span>
        </div>
        <div style={{ display: "flex", gap: 2, flex: "none" }}>
          <Findings />
          <Find />
          <MainMenu />
        </div>
      </header>
      <div className="left-presence">
        <PresenceSwitch />
        <Ready />
      </div>
      <Offers />
      <div style={{ padding: "4px 12px 6px" }}>
        <SegmentedControl
          fullWidth
          size="xs"
          value={tab}
          onChange={(value) => choose(value as Tab)}
          aria-label={t("lists.nav")}
          data={(["inbox", "open", "closed"] as const).map((value) => ({ value, label: t(`lists.${value}`) }))}
          data-testid="box-tabs"
        />
      </div>
      <div className="left-scroll" ref={scroll}>
        {tab === "inbox" ? <Inbox /> : <Archive box={tab} />}
      </div>
    </>
  );
}

/** The list that is shown, chosen by its tab or by keys; these also put the focus on its first line. */
function useTab(scroll: React.RefObject<HTMLDivElement | null>) {
  const complain = useComplain();
  const [tab, setTab] = useState<Tab>("inbox");
  const [wanted, setWanted] = useState<string>();
  const choose = useCallback(
    (next: Tab, first?: string) => {
      setTab(next);
      setWanted(first);
      if (next !== "inbox") loadBox(next).catch(complain);
    },
    [complain],
  );
  useEffect(() => {
    if (wanted === undefined) return;
    scroll.current?.querySelector<HTMLElement>(wanted)?.focus();
    setWanted(undefined);
  }, [wanted, tab, scroll]);
  useCommand("mine", useCallback(() => choose("inbox", "[data-list=mine] .item"), [choose]));
  useCommand("queues", useCallback(() => choose("inbox", ".queue-head"), [choose]));
  useCommand("open", useCallback(() => choose("open", ".item"), [choose]));
  useCommand("closed", useCallback(() => choose("closed", ".item"), [choose]));
  return { tab, choose };
}

/** j and k: through the items as they stand on the screen. */
function useMove(scroll: React.RefObject<HTMLDivElement | null>): void {
  const move = useCallback(
    (step: 1 | -1) => {
      const items = [...(scroll.current?.querySelectorAll<HTMLElement>(".item") ?? [])].filter((item) => item.offsetParent !== null);
      const at = items.findIndex((item) => item.getAttribute("aria-current") === "true");
      const next = at < 0 ? (step > 0 ? items[0] : items.at(-1)) : items[at + step];
      next?.scrollIntoView({ block: "nearest" });
      const id = next?.dataset["conversation"];
      if (id) openConversation(id);
    },
    [scroll],
  );
  useCommand("next", useCallback(() => move(1), [move]));
  useCommand("previous", useCallback(() => move(-1), [move]));
}

/** Looking for any customer is for supervisors; agents see those whom they serve. */
function Find() {
  const { t } = useWords();
  const role = useStore((state) => state.me?.role);
  if (role === "agent") return null;
  return (
    <Tooltip label={t("menu.find")}>
      <ActionIcon variant="subtle" color="gray" size={30} aria-label={t("menu.find")} onClick={() => run("find")} data-testid="find-customer">
        <IconSearch size={18} />
      </ActionIcon>
    </Tooltip>
  );
}

function Findings() {
  const { t } = useWords();
  const findings = useStore((state) => state.findings);
  const role = useStore((state) => state.me?.role);
  if (findings === 0 || role === "agent") return null;
  return (
    <Tooltip label={t("rules.badge", { n: findings })}>
      <button type="button" className="plain pill warn" style={{ alignSelf: "center", flex: "none" }} aria-label={t("rules.badge", { n: findings })} onClick={() => go({ page: "admin", section: "rules" })} data-testid="findings">
        <IconAlertTriangle size={13} aria-hidden />
        {findings}
      </button>
    </Tooltip>
  );
}

function useBox(box: "mine" | "open" | "closed") {
  const conversations = useStore((state) => state.conversations);
  const boxes = useStore((state) => state.boxes);
  const me = useStore((state) => state.me);
  return useMemo(() => inBox({ conversations, boxes, me }, box), [conversations, boxes, me, box]);
}

function Inbox() {
  const { t } = useWords();
  const mine = useBox("mine");
  return (
    <>
      <div className="left-section">
        <h2>{t("lists.mine")}</h2>
        <span>{mine.length}</span>
      </div>
      {mine.length === 0 ? <MineEmpty /> : <ConversationList items={mine} name="mine" label={t("lists.mine")} />}
      <Queues />
    </>
  );
}

function Archive({ box }: { box: "open" | "closed" }) {
  const { t } = useWords();
  const complain = useComplain();
  const items = useBox(box);
  const loaded = useStore((state) => state.boxes[box]);
  const route = useRoute();
  if (loaded && !loaded.next && items.length === 0) return <p className="left-empty">{t(`lists.${box}_empty`)}</p>;
  return (
    <>
      <ConversationList items={items} name={box} label={t(`lists.${box}`)} key={route.page} />
      {loaded?.next && (
        <button type="button" className="plain link" style={{ padding: 10 }} onClick={() => void loadBox(box, read().boxes[box]?.next).catch(complain)}>
          {t("app.more")}
        </button>
      )}
    </>
  );
}
