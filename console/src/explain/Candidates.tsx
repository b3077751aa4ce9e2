import { Button, Loader } from "@mantine/core";
import { IconRefresh } from "@tabler/icons-react";
import { useCallback } from "react";
import type { Candidate } from "../api/admin";
import { get } from "../api/client";
import { Failed } from "../conversation/ConversationPane";
import { useWords } from "../i18n";
import { useQueueTitle } from "../left/Queues";
import { useNow } from "../lib/clock";
import { useAnswer } from "../lib/useLoad";
import { useStore } from "../store/store";
import { couldTake, standingText } from "./standing";

export const loadCandidates = (conversation: string) => get<{ items: Candidate[] }>(`/conversations/${encodeURIComponent(conversation)}/candidates`);

/** The sentences of a standing, in the reader's language. */
export function useStanding(): (candidate: Candidate) => string[] {
  const words = useWords();
  const queue = useQueueTitle();
  const now = useNow();
  return ({ standing, because }) => (standing ? standingText(standing, { ...words, queue, now }) : because);
}

/** Who could take a conversation now, and what keeps the others from it. */
export function Candidates({ conversation }: { conversation: string }) {
  const { t } = useWords();
  const say = useStanding();
  const load = useCallback(() => loadCandidates(conversation), [conversation]);
  const { answer, failure, again } = useAnswer(load);
  if (failure) return <Failed failure={failure} again={again} />;
  if (!answer) return <Loader role="status" aria-label={t("app.loading")} />;
  const { items } = answer;
  const [first] = items;
  const settled = first && items.every(({ standing }) => standing?.type === "not_waiting");
  return (
    <div data-testid="candidates">
      {!first && <p className="muted">{t("standing.nobody")}</p>}
      {settled ? <p>{say(first).join(" ")}</p> : <ul className="candidates">{items.map((candidate) => <CandidateItem key={candidate.agent.id} candidate={candidate} sentences={say(candidate)} />)}</ul>}
      <Button size="compact-sm" variant="default" leftSection={<IconRefresh size={14} />} onClick={again}>
        {t("admin.refresh")}
      </Button>
    </div>
  );
}

function CandidateItem({ candidate, sentences }: { candidate: Candidate; sentences: string[] }) {
  const { t } = useWords();
  const presence = useStore((state) => state.agents[candidate.agent.id]?.presence);
  const could = couldTake(candidate);
  return (
    <li data-testid="candidate-agent" data-fits={could}>
      <div className="candidate-name">
        {presence && <span className={`presence-dot ${presence}`} />}
        <bdi>{candidate.agent.name}</bdi>
        <span className={could ? "pill good" : "pill"}>{t(could ? "standing.can" : "standing.cannot")}</span>
      </div>
      {sentences.map((sentence) => (
        <div key={sentence} className="small muted">
          {sentence}
        </div>
      ))}
    </li>
  );
}
