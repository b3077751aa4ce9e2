/** What helps an agent with one conversation: what happened, what could be said, what can be done. */

import "./assist.css";
import { Button, Skeleton } from "@mantine/core";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { loadAssist } from "../api/assist";
import type { Assist } from "../api/assist";
import { useComplaint } from "../app/complain";
import { useWords } from "../i18n";
import { Refresher } from "../lib/refresher";
import { useStore } from "../store/store";
import { Actions } from "./Actions";
import { Passages, Replies } from "./Suggestions";
import { Summary } from "./Summary";

/** What happens in a conversation comes in bursts: the least between two looks, ms. */
const GAP_MS = 500;

export function AssistPane({ conversation }: { conversation: string }) {
  const { t } = useWords();
  const complaint = useComplaint();
  const { assist, failure, again } = useAssist(conversation);
  const me = useStore((state) => state.me);
  const mine = useStore((state) => {
    const { owner, agent } = state.conversations[conversation] ?? {};
    return owner === "agent" && agent?.id === me?.id;
  });
  if (!assist)
    return failure ? (
      <div className="assist" role="alert">
        <p className="muted">{complaint(failure)}</p>
        <Button size="compact-sm" variant="light" onClick={again}>
          {t("app.retry")}
        </Button>
      </div>
    ) : (
      <div className="assist" role="status" aria-label={t("app.loading")}>
        <Skeleton height={14} mb={10} />
        <Skeleton height={14} mb={10} width="80%" />
        <Skeleton height={14} width="60%" />
      </div>
    );
  return (
    <div className="assist" data-testid="assist">
      <Summary conversation={conversation} assist={assist} />
      <Actions conversation={conversation} assist={assist} mine={mine} />
      <Passages conversation={conversation} passages={assist.passages} mine={mine} />
      <Replies conversation={conversation} replies={assist.replies} mine={mine} />
    </div>
  );
}

/** Looks again whenever something is appended to the journal. */
function useAssist(conversation: string): { assist: Assist | undefined; failure: unknown; again: () => void } {
  const { language } = useWords();
  const last = useStore((state) => state.journals[conversation]?.entries.at(-1)?.id);
  const epoch = useStore((state) => state.conversations[conversation]?.epoch);
  const [answer, setAnswer] = useState<{ assist?: Assist; failure?: unknown }>({});
  const asking = useRef<Refresher>(null);
  useEffect(() => {
    let current = true;
    const look = () =>
      loadAssist(conversation, language).then(
        (assist) => current && setAnswer({ assist }),
        (failure: unknown) => current && setAnswer((before) => ({ ...before, failure })),
      );
    const refresher = new Refresher(() => look().then(() => undefined), GAP_MS);
    asking.current = refresher;
    return () => {
      current = false;
      refresher.stop();
    };
  }, [conversation, language]);
  const again = useCallback(() => asking.current?.ask(), []);
  useEffect(again, [again, last, epoch, conversation, language]);
  return useMemo(() => ({ assist: answer.assist, failure: answer.failure, again }), [answer, again]);
}
