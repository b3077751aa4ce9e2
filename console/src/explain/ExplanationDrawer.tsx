/** Why something was decided, and who could take the conversation: one decision, all of a conversation, its candidates. */

import "./explain.css";
import { Drawer, Loader, Tabs } from "@mantine/core";
import { useCallback, useState } from "react";
import { get } from "../api/client";
import type { Explanation } from "../api/types";
import { explain, openConversation, useRoute } from "../app/router";
import type { Explained } from "../app/router";
import { Failed } from "../conversation/ConversationPane";
import { useWords } from "../i18n";
import { useAnswer } from "../lib/useLoad";
import { Candidates } from "./Candidates";
import { Decisions } from "./Decisions";
import { Why } from "./Why";

type Tab = "why" | "decisions" | "candidates";

/** `explained` must stay the same while it is there: another one is another drawer. */
export default function ExplanationDrawer({ explained }: { explained: Explained }) {
  const { t } = useWords();
  return (
    <Drawer opened onClose={() => explain(undefined)} position="right" size={620} title={t("explain.title")} closeButtonProps={{ "aria-label": t("app.close_panel") }} data-testid="explanation">
      {"why" in explained ? <OfMessage message={explained.why} /> : "decisions" in explained ? <About conversation={explained.decisions} first="decisions" /> : <About conversation={explained.candidates} first="candidates" />}
    </Drawer>
  );
}

function OfMessage({ message }: { message: string }) {
  const { t } = useWords();
  const load = useCallback(() => get<Explanation>(`/messages/${encodeURIComponent(message)}/why`), [message]);
  const { answer, failure, again } = useAnswer(load);
  if (failure) return <Failed failure={failure} again={again} />;
  if (!answer) return <Loader role="status" aria-label={t("app.loading")} />;
  return <About conversation={answer.conversation} first="why" explanation={answer} />;
}

function About({ conversation, first, explanation }: { conversation: string; first: Tab; explanation?: Explanation }) {
  const { t } = useWords();
  const [tab, setTab] = useState<Tab>(first);
  const tabs: Tab[] = explanation ? ["why", "decisions", "candidates"] : ["decisions", "candidates"];
  return (
    <Tabs value={tab} onChange={(value) => setTab((value ?? first) as Tab)} keepMounted={false}>
      <Tabs.List mb="md">
        {tabs.map((each) => (
          <Tabs.Tab key={each} value={each} data-testid={`explain-${each}`}>
            {t(`explain.tab_${each}`)}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      <ToConversation id={conversation} />
      {explanation && (
        <Tabs.Panel value="why">
          <Why explanation={explanation} />
        </Tabs.Panel>
      )}
      <Tabs.Panel value="decisions">
        <Decisions conversation={conversation} />
      </Tabs.Panel>
      <Tabs.Panel value="candidates">
        <Candidates conversation={conversation} />
      </Tabs.Panel>
    </Tabs>
  );
}

/** Leads to the conversation from where it is not open. */
function ToConversation({ id }: { id: string }) {
  const { t } = useWords();
  const route = useRoute();
  if (route.page === "conversation" && route.id === id) return null;
  return (
    <button type="button" className="plain link" style={{ display: "block", marginBottom: 12 }} onClick={() => openConversation(id)} data-testid="explain-open">
      {t("journal.open_conversation")}
    </button>
  );
}
