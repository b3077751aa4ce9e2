import { Loader } from "@mantine/core";
import { useCallback, useState } from "react";
import { get } from "../api/client";
import type { Explanation } from "../api/types";
import { Failed } from "../conversation/ConversationPane";
import { useWords } from "../i18n";
import { useQueueTitle } from "../left/Queues";
import { Ago } from "../lib/Age";
import { useAnswer } from "../lib/useLoad";
import { outcomeText } from "./destination";
import { Why } from "./Why";

/** Every decision on a conversation, oldest first; each opens to its explanation. */
export function Decisions({ conversation }: { conversation: string }) {
  const { t } = useWords();
  const load = useCallback(() => get<{ items: Explanation[] }>(`/conversations/${encodeURIComponent(conversation)}/why`), [conversation]);
  const { answer, failure, again } = useAnswer(load);
  if (failure) return <Failed failure={failure} again={again} />;
  if (!answer) return <Loader role="status" aria-label={t("app.loading")} />;
  if (answer.items.length === 0) return <p className="muted">{t("explain.no_decisions")}</p>;
  return (
    <ol className="decided">
      {answer.items.map((explanation, index) => (
        <li key={index}>
          <Decided explanation={explanation} />
        </li>
      ))}
    </ol>
  );
}

function Decided({ explanation }: { explanation: Explanation }) {
  const words = useWords();
  const title = useQueueTitle();
  const [open, setOpen] = useState(false);
  return (
    <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)} data-testid="decided">
      <summary>
        <span className="foreign">{explanation.text.slice(0, 200) || words.t("journal.no_text")}</span>
        <span className="muted small">
          {outcomeText(explanation, words, title)} · <Ago at={explanation.at} />
        </span>
      </summary>
      {open && <Why explanation={explanation} />}
    </details>
  );
}
