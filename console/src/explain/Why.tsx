import type { Explanation } from "../api/types";
import { thoughtText } from "../conversation/eventText";
import { SignalChips } from "../conversation/SignalChips";
import { useWords } from "../i18n";
import { useQueueTitle } from "../left/Queues";
import { Ago } from "../lib/Age";
import { outcomeText } from "./destination";
import { AllFacts, TracedRules } from "./TracedRules";

/** Why one message went where it went. The same as `switchboard why` prints. */
export function Why({ explanation }: { explanation: Explanation }) {
  const words = useWords();
  const { t } = words;
  const title = useQueueTitle();
  return (
    <div className="explain">
      <p className="outcome" data-testid="outcome">
        {outcomeText(explanation, words, title)}
      </p>
      <blockquote className="said-quote foreign" dir="auto">
        {explanation.text.slice(0, 4_000)}
      </blockquote>
      <div className="muted small">
        <Ago at={explanation.at} />
        {explanation.rule_set && ` · ${t("explain.rule_set", { hash: explanation.rule_set.slice(0, 12) })}`}
      </div>
      <h3>{t("explain.signals")}</h3>
      <div className="pills">
        <SignalChips signals={explanation.signals} all />
      </div>
      {explanation.model && <p data-testid="model">{thoughtText(explanation.model, words)}</p>}
      <TracedRules rules={explanation.rules} notReached={explanation.not_reached} />
      <AllFacts facts={explanation.facts} />
    </div>
  );
}
