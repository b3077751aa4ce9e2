import { Tooltip } from "@mantine/core";
import type { Signal, Signals } from "../api/types";
import { useWords } from "../i18n";
import type { Words } from "../i18n";
import type { Key } from "../i18n/en";

type Tone = "" | "good" | "warn" | "bad" | "accent";

export interface Chip {
  key: string;
  label: string;
  tone: Tone;
  detail: string[];
}

/** A likelihood below this is not worth a chip. */
const NOTABLE = 0.5;

const percent = (value: number) => Math.round(value * 100);

function detail(t: Words["t"], name: string, signal: Signal<unknown>): string[] {
  const terms = signal.terms?.length ? [t("signal.terms", { terms: signal.terms.slice(0, 12).join(", ") })] : [];
  return [`${name}: ${t("signal.confidence", { n: percent(signal.confidence) })}`, ...terms];
}

const likelihoods: { key: "wants_human" | "urgency" | "complaint" | "churn_risk" | "thanks" | "spam"; tone: Tone }[] = [
  { key: "wants_human", tone: "accent" },
  { key: "urgency", tone: "warn" },
  { key: "complaint", tone: "warn" },
  { key: "churn_risk", tone: "bad" },
  { key: "thanks", tone: "good" },
  { key: "spam", tone: "warn" },
];

const moods: Record<Signals["sentiment"]["value"], Tone> = { very_negative: "bad", negative: "bad", neutral: "", positive: "good", very_positive: "good" };

/** What of the signals is worth showing; `all` shows also what is neutral, unlikely or unknown. `usual` is a language that needs no word. */
export function chipsOf(signals: Signals, words: Words, all: boolean, usual?: string): Chip[] {
  const { t } = words;
  const chips: Chip[] = [];
  const { sentiment, language, intent } = signals;
  if (all || (sentiment.known && sentiment.value !== "neutral")) {
    const label = sentiment.known ? t(`sentiment.${sentiment.value}`) : `${t("signal.sentiment")}: ${t("signal.unknown")}`;
    const score = `${t("signal.sentiment")} ${sentiment.score.toFixed(2)}`;
    chips.push({ key: "sentiment", label, tone: sentiment.known ? moods[sentiment.value] : "", detail: detail(t, score, sentiment) });
  }
  for (const { key, tone } of likelihoods) {
    const signal = signals[key];
    if (!signal) continue;
    if (!all && !(signal.known && signal.value >= NOTABLE)) continue;
    const name = t(`signal.${key}` as Key);
    const value = signal.known ? `${percent(signal.value)} %` : t("signal.unknown");
    chips.push({ key, label: all ? `${name}: ${value}` : name, tone: signal.known && signal.value >= NOTABLE ? tone : "", detail: detail(t, `${name} ${value}`, signal) });
  }
  if (intent && (all || intent.known)) chips.push({ key: "intent", label: intent.value, tone: "", detail: detail(t, t("signal.intent"), intent) });
  if (all || (language.known && language.value !== usual)) {
    const name = language.known ? words.languageName(language.value) : `${t("signal.language")}: ${t("signal.unknown")}`;
    chips.push({ key: "language", label: name, tone: "", detail: detail(t, t("signal.language"), language) });
  }
  if (signals.automatic) chips.push({ key: "automatic", label: t("signal.automatic"), tone: "", detail: [t("signal.automatic")] });
  return chips;
}

export function SignalChips({ signals, all = false, usual }: { signals: Signals; all?: boolean; usual?: string | undefined }) {
  const words = useWords();
  const { t } = words;
  const more = [
    ...(signals.topics?.length ? [`${t("signal.topics")}: ${signals.topics.join(", ")}`] : []),
    ...(signals.entities?.length ? [`${t("signal.entities")}: ${signals.entities.slice(0, 12).map((entity) => `${entity.kind} ${entity.text}`).join(", ")}`] : []),
    t("signal.model", { model: signals.model }),
  ];
  const chips = chipsOf(signals, words, all, usual);
  return chips.map((chip, index) => (
    <Tooltip key={chip.key} label={[...chip.detail, ...(index === chips.length - 1 ? more : [])].map((line) => <div key={line} className="foreign">{line}</div>)}>
      <span className={`pill ${chip.tone}`} tabIndex={0} data-signal={chip.key}>
        {chip.label}
      </span>
    </Tooltip>
  ));
}
