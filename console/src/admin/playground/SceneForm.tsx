/** The message that is tried, and what it is tried with. */

import { Autocomplete, NumberInput, Select, TagsInput, Textarea, TextInput } from "@mantine/core";
import { useMemo } from "react";
import type { RuleBrief } from "../../api/admin";
import { useWords } from "../../i18n";
import { useQueueTitle } from "../../left/Queues";
import { useStore } from "../../store/store";
import { localOf, momentOf } from "../decisions/filters";
import { triggerText } from "../rules/triggers";
import { examples, kinds, owners, triggerOf, triggersOf } from "./given";
import type { On, Scene } from "./given";

interface Props {
  scene: Scene;
  set: (part: Partial<Scene>) => void;
}

export function MessageField({ scene, set }: Props) {
  const { t } = useWords();
  return (
    <>
      <Textarea
        label={t("playground.text")}
        description={t("playground.text_hint")}
        autosize
        minRows={3}
        maxRows={12}
        dir="auto"
        value={scene.text}
        onChange={(event) => set({ text: event.currentTarget.value })}
        data-testid="try-text"
      />
      <div className="examples" role="group" aria-label={t("playground.examples")}>
        {examples.map(({ text, lang }) => (
          <button key={text} type="button" className="plain pill" lang={lang} onClick={() => set({ text })} data-testid="try-example">
            <span className="ellipsis">{text}</span>
          </button>
        ))}
      </div>
    </>
  );
}

export function SceneFields({ scene, set, rules }: Props & { rules: RuleBrief[] }) {
  const words = useWords();
  const { t } = words;
  const on = useMemo(() => triggersOf(rules), [rules]);
  return (
    <div className="scene">
      <ChannelFields scene={scene} set={set} />
      <OwnerFields scene={scene} set={set} />
      <NumberInput label={t("playground.bot_turns")} min={0} allowDecimal={false} value={scene.bot_turns} onChange={(value) => set({ bot_turns: Number(value) || 0 })} />
      <NumberInput label={t("playground.bot_misses")} min={0} allowDecimal={false} value={scene.bot_misses} onChange={(value) => set({ bot_misses: Number(value) || 0 })} />
      <TagsInput label={t("playground.tags")} value={scene.tags} onChange={(tags) => set({ tags })} />
      <Select label={t("playground.on")} data={on.map((value) => ({ value, label: triggerText(triggerOf(value), words) }))} value={scene.on} onChange={(value) => value && set({ on: value as On })} allowDeselect={false} />
      <TextInput type="datetime-local" label={t("playground.time")} value={localOf(scene.time)} onChange={(event) => set({ time: momentOf(event.currentTarget.value) ?? "" })} />
    </div>
  );
}

/** A channel that is known brings its kind along. */
function ChannelFields({ scene, set }: Props) {
  const { t } = useWords();
  const conversations = useStore((state) => state.conversations);
  const known = useMemo(() => new Map(Object.values(conversations).map(({ channel, kind }) => [channel, kind])), [conversations]);
  const named = (channel: string) => {
    const kind = known.get(channel);
    set({ channel, ...(kind ? { kind } : {}) });
  };
  return (
    <>
      <Select label={t("playground.kind")} data={[...new Set<string>([...kinds, ...known.values(), scene.kind])]} value={scene.kind} onChange={(kind) => kind && set({ kind })} allowDeselect={false} />
      <Autocomplete label={t("playground.channel")} placeholder={t("playground.channel_any")} data={[...known.keys()].sort()} value={scene.channel} onChange={named} />
    </>
  );
}

function OwnerFields({ scene, set }: Props) {
  const { t } = useWords();
  const title = useQueueTitle();
  const queues = useStore((state) => state.queues);
  return (
    <>
      <Select label={t("playground.owner")} data={owners.map((value) => ({ value, label: t(`owner.${value}`) }))} value={scene.owner} onChange={(owner) => owner && set({ owner: owner as Scene["owner"] })} allowDeselect={false} data-testid="try-owner" />
      {scene.owner === "queue" && <Select label={t("playground.queue")} data={queues.map(({ name }) => ({ value: name, label: title(name) }))} value={scene.queue || null} onChange={(queue) => set({ queue: queue ?? "" })} clearable clearButtonProps={{ "aria-label": t("decisions.clear") }} />}
    </>
  );
}
