import { IconArrowsExchange, IconBook2, IconHistory, IconMoodSmile, IconRobot, IconTarget, IconUser, IconUserCheck } from "@tabler/icons-react";
import type { Assist, Line, LineKind } from "../api/assist";
import { useWords } from "../i18n";
import { Recap } from "./Recap";

const icons: Record<LineKind, typeof IconRobot> = {
  wants: IconTarget,
  action: IconRobot,
  answer: IconBook2,
  handed_over: IconArrowsExchange,
  agent_action: IconUserCheck,
  mood: IconMoodSmile,
  customer: IconUser,
  earlier: IconHistory,
};

/** What happened, line by line; one that was read off an entry leads there. */
export function Summary({ conversation, assist }: { conversation: string; assist: Assist }) {
  const { t, language } = useWords();
  return (
    <section aria-label={t("assist.summary")}>
      <h3>{t("assist.summary")}</h3>
      <Recap key={language} conversation={conversation} assist={assist} />
      <ul className="lines" data-testid="assist-summary">
        {assist.summary.map((line) => {
          const Icon = icons[line.kind] ?? IconRobot;
          return (
            <li key={line.kind + (line.entry ?? line.text)} data-kind={line.kind}>
              <Icon size={15} aria-hidden />
              <div>
                <LineText line={line} />
                {line.details && (
                  <dl className="pairs">
                    {line.details.map(({ title, value }) => (
                      <Detail key={title} title={title} value={value} />
                    ))}
                  </dl>
                )}
              </div>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

function Detail({ title, value }: { title: string; value: string }) {
  return (
    <>
      <dt>{title}</dt>
      <dd>
        <bdi className="foreign">{value}</bdi>
      </dd>
    </>
  );
}

/** The entry may not be on the screen: then the line is text. */
function LineText({ line: { text, entry } }: { line: Line }) {
  const find = () => document.querySelector<HTMLElement>(`[data-entry="${CSS.escape(entry ?? "")}"]`);
  if (!entry) return <bdi>{text}</bdi>;
  const go = () => {
    const shown = find();
    shown?.scrollIntoView({ block: "center", behavior: "smooth" });
    shown?.animate?.([{ background: "var(--sb-soft)" }, { background: "transparent" }], 1_500);
  };
  return (
    <button type="button" className="plain to-entry" onClick={go}>
      <bdi>{text}</bdi>
    </button>
  );
}
