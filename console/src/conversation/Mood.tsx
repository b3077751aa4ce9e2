import { Tooltip } from "@mantine/core";
import { IconMoodSad, IconMoodSmile, IconTrendingDown, IconTrendingUp } from "@tabler/icons-react";
import type { Conversation } from "../api/types";
import { useWords } from "../i18n";

/** The average from which a mood is worth a mark, and the slope from which it changes. */
const NOTABLE = 0.25;
const CHANGING = 0.1;

export function Mood({ mood }: { mood: Conversation["mood"] }) {
  const { t } = useWords();
  const { average, slope, negatives_in_a_row: negatives } = mood;
  if (Math.abs(average) < NOTABLE && negatives < 2) return null;
  const bad = average < 0 || negatives >= 2;
  const trend = slope <= -CHANGING ? t("mood.getting_worse") : slope >= CHANGING ? t("mood.getting_better") : t("mood.steady");
  const lines = [`${t("mood.label")}: ${average.toFixed(2)}, ${trend}`, ...(negatives > 0 ? [t("mood.negatives", { n: negatives })] : [])];
  const Face = bad ? IconMoodSad : IconMoodSmile;
  const Trend = slope <= -CHANGING ? IconTrendingDown : slope >= CHANGING ? IconTrendingUp : undefined;
  return (
    <Tooltip label={lines.map((line) => <div key={line}>{line}</div>)}>
      <span className={`pill ${bad ? "bad" : "good"}`} tabIndex={0} role="img" aria-label={lines.join(". ")}>
        <Face size={14} />
        {Trend && <Trend size={14} />}
      </span>
    </Tooltip>
  );
}
