/** What a model was asked, how that ended, and what it cost. */

import type { ReactNode } from "react";
import type { Measures, ModelFigures, Part } from "../../api/measures";
import { endText } from "../../conversation/eventText";
import { useWords } from "../../i18n";
import type { Words } from "../../i18n";
import { Counts, none, Sheet, useFigures } from "./Figures";
import type { Tile } from "./Figures";

/** Money in each currency: all of it, or what it makes for an answer. */
export function costText({ costs }: ModelFigures, each: "micros" | "micros_per_answer", { money }: Pick<Words, "money">): string {
  const amounts = Object.entries(costs).flatMap(([currency, cost]) => (cost[each] === undefined ? [] : [money(cost[each], currency)]));
  return amounts.join(" · ") || none;
}

/** Nothing where no model was asked. */
export function ModelSection({ measures: { total, days } }: { measures: Measures }) {
  const words = useWords();
  const { t } = words;
  const { number, share } = useFigures();
  const { model } = total;
  if (!model) return null;
  const { turns, ended, answered, summaries, requests, tokens } = model;
  const tiles: Tile[] = [
    ["model-turns", t("measures.model_turns"), number(turns), t("measures.model_requests", { n: number(requests) })],
    ["model-answered", t("measures.model_answered"), share(answered), t("measures.model_answered_of", { answered: number(ended["answered"] ?? 0), turns: number(turns) })],
    ["model-summaries", t("measures.model_summaries"), number(summaries), t("measures.model_summaries_text")],
    ["model-tokens", t("measures.model_tokens"), number(tokens), t("measures.model_tokens_text")],
    ["model-cost", t("measures.model_cost"), costText(model, "micros", words), t(Object.keys(model.costs).length > 0 ? "measures.model_cost_text" : "measures.model_no_price")],
    ["model-per-answer", t("measures.model_per_answer"), costText(model, "micros_per_answer", words), t("measures.model_per_answer_text")],
  ];
  const ends = Object.entries(ended).sort(([, one], [, other]) => other - one);
  const rows = ends.map(([how, count]): [string, ReactNode[]] => [how, [endText(how, t) ?? how, number(count), share(count / turns)]]);
  return (
    <>
      <section data-testid="model">
        <h2>{t("measures.model")}</h2>
        <Counts tiles={tiles} />
      </section>
      <Sheet title={t("measures.model_ends")} empty={t("measures.nothing")} heads={[t("measures.model_end"), t("measures.count"), t("measures.share")]} rows={rows} testid="model-ends" />
      {days.length > 1 && <ByDay days={days} />}
    </>
  );
}

function ByDay({ days }: { days: Part[] }) {
  const words = useWords();
  const { t } = words;
  const { number, share } = useFigures();
  const heads = [t("measures.day"), t("measures.model_turns"), t("measures.model_answered"), t("measures.model_tokens"), t("measures.model_cost"), t("measures.model_per_answer")];
  const rows = days.flatMap(({ name, model }): [string, ReactNode[]][] =>
    model ? [[name, [name, number(model.turns), share(model.answered), number(model.tokens), costText(model, "micros", words), costText(model, "micros_per_answer", words)]]] : [],
  );
  return <Sheet title={t("measures.model_by_day")} heads={heads} rows={rows} testid="model-by-day" />;
}
