/** A rule file to be read: numbered lines, some of them marked. */

import "./rules.css";
import { Fragment, useEffect, useMemo, useRef, useState } from "react";
import type { RuleSetName } from "../../api/admin";
import { useWords } from "../../i18n";
import { around, excerpt, linesOf, tones } from "./source";
import type { Mark, Range, Tone } from "./source";

/** More lines than this are shown when somebody asks for them. */
const LINES = 1_500;
/** Lines around a mark, where only those are shown. */
const CONTEXT = 2;

interface Props {
  name: string;
  /** What tells it from the same file of another set. */
  set: RuleSetName;
  text: string;
  marks: Mark[];
  /** Shows nothing but the marked lines and what stands around them. */
  brief?: boolean;
}

export function SourceText({ name, set, text, marks, brief = false }: Props) {
  const { t } = useWords();
  const [whole, setWhole] = useState(false);
  const lines = useMemo(() => linesOf(text), [text]);
  const toned = useMemo(() => tones(marks), [marks]);
  const aim = marks.find((mark) => mark.tone !== "tried")?.from;
  const frame = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (aim !== undefined && !brief) frame.current?.querySelector(`[data-line="${aim}"]`)?.scrollIntoView({ block: "center" });
  }, [aim, brief, name, text]);

  const all: Range = { from: 1, to: lines.length };
  const ranges = whole ? [all] : brief ? excerpt(lines.length, marks, CONTEXT) : [around(lines.length, aim ?? 1, LINES)];
  const shown = ranges.reduce((sum, { from, to }) => sum + to - from + 1, 0);
  return (
    <>
      <div ref={frame} className="source" tabIndex={0} role="region" aria-label={`${name}, ${t(`rules.set_${set}`)}`} data-testid="source" data-file={name}>
        {ranges.map(({ from, to }, index) => (
          <Fragment key={from}>
            {index > 0 && <div className="gap">⋯</div>}
            {lines.slice(from - 1, to).map((line, at) => (
              <Line key={from + at} number={from + at} text={line} tone={toned.get(from + at)} starts={toned.get(from + at) !== toned.get(from + at - 1)} />
            ))}
          </Fragment>
        ))}
      </div>
      {!whole && shown < lines.length && (
        <button type="button" className="plain link small" onClick={() => setWhole(true)}>
          {t("rules.whole", { n: lines.length })}
        </button>
      )}
    </>
  );
}

function Line({ number, text, tone, starts }: { number: number; text: string; tone: Tone | undefined; starts: boolean }) {
  const { t } = useWords();
  return (
    <div className={tone ? `source-line ${tone}` : "source-line"} data-line={number}>
      <span className="no" aria-hidden>
        {number}
      </span>
      <code>
        {tone && starts && <span className="hidden-visually">{t(`source.${tone}`)} </span>}
        {text || " "}
      </code>
    </div>
  );
}
