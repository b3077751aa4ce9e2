import type { Part } from "../../api/measures";
import { useWords } from "../../i18n";
import { Sheet } from "./Figures";

const HEIGHT = 120;
const WIDTH = 24;
const GAP = 8;

const stands = ["contained", "handed", "under_way"] as const;

/** The conversations of each day as bars, by where they stand; the same as a table for whoever does not see it. */
export function DayChart({ days }: { days: Part[] }) {
  const { t, number, percent } = useWords();
  const most = Math.max(1, ...days.map(({ conversations }) => conversations.opened));
  const rows = days.map(({ name, conversations, containment }): [string, string[]] => [
    name,
    [name, ...stands.map((stand) => number(conversations[stand])), containment === undefined ? "–" : percent(Math.round(containment * 1_000), 1_000)],
  ]);
  return (
    <section className="day-chart">
      <h2>{t("measures.by_day")}</h2>
      <figure>
        <svg viewBox={`0 0 ${days.length * (WIDTH + GAP)} ${HEIGHT}`} height={HEIGHT} preserveAspectRatio="none" aria-hidden="true">
          {days.map(({ name, conversations }, day) => {
            let below = 0;
            return (
              <g key={name}>
                <title>{name}</title>
                {stands.map((stand) => {
                  const height = (conversations[stand] / most) * HEIGHT;
                  below += height;
                  return <rect key={stand} className={stand} x={day * (WIDTH + GAP)} y={HEIGHT - below} width={WIDTH} height={height} />;
                })}
              </g>
            );
          })}
        </svg>
        <div className="ends muted small" aria-hidden="true">
          <span>{days[0]?.name}</span>
          <span>{days.at(-1)?.name}</span>
        </div>
        <figcaption>
          {stands.map((stand) => (
            <span key={stand} className={`key ${stand}`}>
              {t(`measures.${stand === "under_way" ? "still_under_way" : stand}`)}
            </span>
          ))}
        </figcaption>
      </figure>
      <details>
        <summary>{t("measures.as_table")}</summary>
        <Sheet title={t("measures.by_day")} heads={[t("measures.day"), t("measures.contained"), t("measures.handed"), t("measures.still_under_way"), t("measures.containment")]} rows={rows} testid="by-day" />
      </details>
    </section>
  );
}
