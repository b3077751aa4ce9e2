import { Button } from "@mantine/core";
import { IconSparkles } from "@tabler/icons-react";
import { useState } from "react";
import { summarise } from "../api/assist";
import type { Assist, Recap as Sentences } from "../api/assist";
import { useComplaint } from "../app/complain";
import { useWords } from "../i18n";
import { askable, latest, unsummarised } from "./summarised";

/** The same in a few sentences, which a model writes for whoever asks: plain text, whatever is in it. */
export function Recap({ conversation, assist }: { conversation: string; assist: Assist }) {
  const words = useWords();
  const complaint = useComplaint();
  const [answered, setAnswered] = useState<Sentences>();
  const [failure, setFailure] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const { t } = words;
  const recap = latest(assist.recap, answered);
  const ask = askable(assist, recap);
  const press = async () => {
    setBusy(true);
    setFailure(undefined);
    try {
      setAnswered(await summarise(conversation, words.language));
    } catch (error) {
      setFailure(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      {recap && (
        <div className="recap" data-testid="recap" data-current={recap.current}>
          <p>
            <bdi className="foreign">{recap.text}</bdi>
          </p>
          <p className="muted">
            {t("assist.summarised_by", { by: recap.by })}
            {!recap.current && ` ${t("assist.summarised_before")}`}
          </p>
        </div>
      )}
      {failure !== undefined && (
        <p className="muted" role="alert" data-testid="recap-failure">
          {unsummarised(failure, words, complaint)}
        </p>
      )}
      {ask && (
        <Button className="recap-ask" size="compact-xs" variant="light" leftSection={<IconSparkles size={14} aria-hidden />} loading={busy} onClick={() => void press()} data-testid="recap-ask">
          {t(ask)}
        </Button>
      )}
    </>
  );
}
