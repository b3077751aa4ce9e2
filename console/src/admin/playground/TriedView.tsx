/** What one rule set would do: in a sentence, rule by rule, and in its files. */

import { useCallback } from "react";
import type { RuleFiles } from "../../api/admin";
import { destinationText, outcomeText } from "../../explain/destination";
import { AllFacts, TracedRules } from "../../explain/TracedRules";
import { useWords } from "../../i18n";
import { useQueueTitle } from "../../left/Queues";
import { useAnswer } from "../../lib/useLoad";
import { Answered } from "../Loaded";
import { loadFiles } from "../rules/FilesDrawer";
import { SourceText } from "../rules/SourceText";
import { marksOf } from "./marks";
import type { Result } from "./useTry";

/** `titled`: says which set it is. `differs`: another set leads elsewhere. */
export function TriedView({ result: { set, tried }, titled, differs }: { result: Result; titled: boolean; differs: boolean }) {
  const words = useWords();
  const { t } = words;
  const queue = useQueueTitle();
  return (
    <section className="explain tried" aria-label={t(`rules.set_${set}`)} data-testid="tried" data-set={set}>
      {titled && <h2>{t(`rules.set_${set}`)}</h2>}
      <p className="outcome" data-testid="tried-outcome">
        {outcomeText(tried, words, queue)}
      </p>
      <p>
        {t("playground.destination")} <strong data-testid="tried-destination">{destinationText(tried.destination, words, queue)}</strong> {differs && <span className="pill warn">{t("playground.differs")}</span>}
      </p>
      {tried.answer && <Answer answer={tried.answer} />}
      <TracedRules rules={tried.rules} notReached={tried.not_reached} />
      <h3>{t("rules.files")}</h3>
      <Sources result={{ set, tried }} />
      <AllFacts facts={tried.facts} />
    </section>
  );
}

function Answer({ answer: { text, file, question, score } }: { answer: NonNullable<Result["tried"]["answer"]> }) {
  const { t } = useWords();
  return (
    <div data-testid="tried-answer">
      <h3>{t("playground.answer")}</h3>
      <blockquote className="said-quote foreign" dir="auto">
        {text}
      </blockquote>
      <div className="muted small">
        {t("journal.citation", { question })} · {t("journal.citation_source", { file, score: score.toFixed(2) })}
      </div>
    </div>
  );
}

/** The files that rules were reached in, with those rules marked. Another rule set is another set of files. */
function Sources({ result: { set, tried } }: { result: Result }) {
  const from = useAnswer(useCallback(() => loadFiles(set), [set, tried.rule_set]));
  return <Answered from={from}>{(files) => <Marked files={files} result={{ set, tried }} />}</Answered>;
}

function Marked({ files, result: { set, tried } }: { files: RuleFiles; result: Result }) {
  const { t } = useWords();
  const marks = marksOf(tried.rules);
  return [...marks].map(([name, of]) => {
    const file = files.items.find((each) => each.name === name);
    if (!file) return null;
    const matched = of.some(({ tone }) => tone === "hit");
    return (
      <details key={`${name} ${matched}`} open={matched} className="tried-file">
        <summary>
          <code>{name}</code> <span className={matched ? "pill good" : "pill"}>{t(matched ? "explain.matched" : "explain.not_matched")}</span>
        </summary>
        <SourceText name={name} set={set} text={file.text} marks={of} brief />
      </details>
    );
  });
}
