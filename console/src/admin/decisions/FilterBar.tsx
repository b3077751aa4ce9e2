import { Autocomplete, SegmentedControl, Select, TextInput } from "@mantine/core";
import { useMemo, useState } from "react";
import type { FormEvent } from "react";
import { useWords } from "../../i18n";
import { useQueueTitle } from "../../left/Queues";
import { useStore } from "../../store/store";
import { localOf, momentOf, spans } from "./filters";
import type { Filters, Span } from "./filters";

interface Props {
  filters: Filters;
  /** The names of the rules in force; older ones can be written in. */
  rules: string[];
  change: (part: Partial<Filters>) => void;
}

export function FilterBar({ filters, rules, change }: Props) {
  const { t } = useWords();
  const title = useQueueTitle();
  const queues = useStore((state) => state.queues);
  const conversations = useStore((state) => state.conversations);
  const channels = useMemo(() => [...new Set(Object.values(conversations).map(({ channel }) => channel))].sort(), [conversations]);
  const names = [...new Set([...queues.map(({ name }) => name), ...(filters.queue ? [filters.queue] : [])])];
  return (
    <div className="filters" role="search" aria-label={t("decisions.filters")}>
      <Written label={t("decisions.rule")} data={rules} value={filters.rule} change={(rule) => change({ rule })} testid="filter-rule" />
      <Select
        label={t("decisions.queue")}
        placeholder={t("decisions.any")}
        data={names.map((name) => ({ value: name, label: title(name) }))}
        value={filters.queue ?? null}
        onChange={(queue) => change({ queue: queue ?? undefined })}
        clearable
        clearButtonProps={{ "aria-label": t("decisions.clear") }}
        data-testid="filter-queue"
      />
      <Written label={t("decisions.channel")} data={channels} value={filters.channel} change={(channel) => change({ channel })} testid="filter-channel" />
      <div className="span-field">
        <span className="span-label" id="decisions-time">
          {t("decisions.time")}
        </span>
        <SegmentedControl
          value={filters.time}
          onChange={(time) => change({ time: time as Span })}
          aria-labelledby="decisions-time"
          data={spans.map((value) => ({ value, label: <span data-testid={`filter-${value}`}>{t(`decisions.${value}`)}</span> }))}
        />
      </div>
      {filters.time === "custom" && (
        <>
          <Moment label={t("decisions.since")} value={filters.since} change={(since) => change({ since })} />
          <Moment label={t("decisions.until")} value={filters.until} change={(until) => change({ until })} />
        </>
      )}
    </div>
  );
}

interface WrittenProps {
  label: string;
  data: string[];
  value: string | undefined;
  change: (value: string | undefined) => void;
  testid: string;
}

/** Takes effect when one is chosen, by Enter, and when the field is left. */
function Written({ label, data, value, change, testid }: WrittenProps) {
  const { t } = useWords();
  const [draft, setDraft] = useState<{ of: string | undefined; text: string }>({ of: value, text: value ?? "" });
  const text = draft.of === value ? draft.text : (value ?? "");
  const done = (next: string) => {
    const wanted = next.trim() || undefined;
    if (wanted !== value) change(wanted);
  };
  const submitted = (event: FormEvent) => {
    event.preventDefault();
    done(text);
  };
  return (
    <form onSubmit={submitted}>
      <Autocomplete
        label={label}
        placeholder={t("decisions.any")}
        data={data}
        limit={50}
        value={text}
        onChange={(next) => setDraft({ of: value, text: next })}
        onOptionSubmit={done}
        onBlur={() => done(text)}
        clearable
        onClear={() => done("")}
        clearButtonProps={{ "aria-label": t("decisions.clear") }}
        data-testid={testid}
      />
    </form>
  );
}

function Moment({ label, value, change }: { label: string; value: string | undefined; change: (value: string | undefined) => void }) {
  return <TextInput type="datetime-local" label={label} value={localOf(value)} onChange={(event) => change(momentOf(event.currentTarget.value))} />;
}
