/** The bot's own actions, for the agent to press, and what came of them. */

import { Button, Loader, Tooltip } from "@mantine/core";
import { IconBolt, IconSearch } from "@tabler/icons-react";
import { useMemo, useState } from "react";
import type { ActionBrief, Assist } from "../api/assist";
import { useWords } from "../i18n";
import type { Key } from "../i18n/en";
import { Ago } from "../lib/Age";
import { insertReply } from "../store/drafts";
import { useStore } from "../store/store";
import { ActionDialog } from "./ActionDialog";
import { actedIn, outputText } from "./form";
import type { Acted } from "./form";
import { Insert } from "./Suggestions";

/** How many of the last results are shown. */
const RESULTS = 3;

export function Actions({ conversation, assist, mine }: { conversation: string; assist: Assist; mine: boolean }) {
  const { t } = useWords();
  const journal = useStore((state) => state.journals[conversation]);
  const results = useMemo(() => actedIn(journal?.entries ?? [], RESULTS), [journal]);
  const [open, setOpen] = useState<ActionBrief>();
  const { actions, may_act, under_way } = assist;
  const titled = (name: string) => actions.find((action) => action.name === name)?.title ?? name;
  if (actions.length === 0 && results.length === 0) return null;
  return (
    <section aria-label={t("assist.actions")}>
      <h3>{t("assist.actions")}</h3>
      {!may_act && <p className="muted small">{t("assist.not_yours")}</p>}
      <div className="ways">
        {actions.map((action) => (
          <Tooltip key={action.name} label={action.about} disabled={!action.about}>
            <Button
              size="compact-sm"
              variant="default"
              disabled={!may_act || under_way !== undefined}
              leftSection={action.effect ? <IconBolt size={14} /> : <IconSearch size={14} />}
              onClick={() => setOpen(action)}
              data-testid="action"
              data-action={action.name}
            >
              {action.title}
            </Button>
          </Tooltip>
        ))}
      </div>
      <div aria-live="polite">
        {under_way && (
          <p className="under-way" data-testid="action-under-way">
            <Loader size={14} aria-hidden /> {t("assist.under_way", { action: titled(under_way.action), by: under_way.by })}
          </p>
        )}
        {results.map(({ id, at, event }) => (
          <Result key={id} at={at} event={event} title={titled(event.action)} conversation={conversation} mine={mine} />
        ))}
      </div>
      {open && <ActionDialog conversation={conversation} action={open} onClose={() => setOpen(undefined)} />}
    </section>
  );
}

const ends: Record<string, Key> = { done: "assist.done", asked_again: "assist.asked_again", unknown: "assist.unknown" };

function Result({ at, event, title, conversation, mine }: { at: string; event: Acted; title: string; conversation: string; mine: boolean }) {
  const { t } = useWords();
  const { outputs = {}, told = "", how, by, outcome } = event;
  return (
    <article className="suggested result" data-testid="action-result" data-how={how}>
      <header>
        <strong>{title}</strong>
        <span className={`pill ${how === "done" ? "good" : "warn"}`}>{t(ends[how] ?? "assist.failed", { outcome })}</span>
      </header>
      <dl className="pairs">
        {Object.entries(outputs).map(([name, value]) => (
          <Output key={name} name={name} value={outputText(value)} />
        ))}
      </dl>
      {told && (
        <p className="foreign told" dir="auto">
          {told}
        </p>
      )}
      <footer>
        <span className="muted small ellipsis">
          <bdi>{by}</bdi> · <Ago at={at} />
        </span>
        {told && <Insert act={() => insertReply(conversation, told)} mine={mine} testid="result-insert" />}
      </footer>
    </article>
  );
}

function Output({ name, value }: { name: string; value: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>
        <bdi className="foreign">{value}</bdi>
      </dd>
    </>
  );
}
