import { SegmentedControl, Select, TextInput } from "@mantine/core";
import type { Measures } from "../../api/measures";
import { useWords } from "../../i18n";
import { useQueueTitle } from "../../left/Queues";
import { periods } from "./period";
import type { Chosen, Period } from "./period";

interface Props {
  chosen: Chosen;
  /** What there is to choose from: what was seen in the period. */
  seen: Measures | undefined;
  change: (part: Partial<Chosen>) => void;
}

export function PeriodBar({ chosen, seen, change }: Props) {
  const { t, languageName } = useWords();
  const queueTitle = useQueueTitle();
  const names = (parts: { name: string }[] | undefined, own: string | undefined) => [...new Set([...(parts ?? []).map(({ name }) => name), own ?? ""])].filter(Boolean);
  const choices = [
    ["channel", names(seen?.channels, chosen.channel), (name: string) => name],
    ["language", names(seen?.languages, chosen.language), languageName],
    ["queue", names(seen?.queues, chosen.queue), queueTitle],
  ] as const;
  return (
    <div className="filters" role="search" aria-label={t("measures.filters")}>
      <div className="span-field">
        <span className="span-label" id="measures-period">
          {t("measures.period")}
        </span>
        <SegmentedControl
          value={chosen.period}
          onChange={(period) => change({ period: period as Period })}
          aria-labelledby="measures-period"
          data={periods.map((value) => ({ value, label: <span data-testid={`period-${value}`}>{t(`measures.period_${value}`)}</span> }))}
        />
      </div>
      {chosen.period === "custom" &&
        (["since", "until"] as const).map((end) => <TextInput key={end} type="date" label={t(`measures.${end}`)} value={chosen[end] ?? ""} onChange={(event) => change({ [end]: event.currentTarget.value || undefined })} />)}
      {choices.map(([which, all, title]) => (
        <Select
          key={which}
          label={t(`measures.${which}`)}
          placeholder={t("measures.all")}
          data={all.map((value) => ({ value, label: title(value) }))}
          value={chosen[which] ?? null}
          onChange={(value) => change({ [which]: value ?? undefined })}
          clearable
          clearButtonProps={{ "aria-label": t("decisions.clear") }}
          data-testid={`measures-${which}`}
        />
      ))}
    </div>
  );
}
