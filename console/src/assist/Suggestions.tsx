/** What an agent could say. A key or a click makes it a draft; only the agent sends it. */

import { Button, Kbd, Tooltip } from "@mantine/core";
import { IconPencilPlus } from "@tabler/icons-react";
import { useCallback, useState } from "react";
import type { Passage } from "../api/assist";
import { useCommand } from "../app/hotkeys";
import type { Command } from "../app/hotkeys";
import { useWords } from "../i18n";
import { insertReply } from "../store/drafts";

const commands = ["passage_1", "passage_2", "passage_3"] as const satisfies Command[];
/** How much of a passage is shown before it is opened, in characters. */
const EXCERPT = 140;

export function Passages({ conversation, passages, mine }: { conversation: string; passages: Passage[]; mine: boolean }) {
  const { t } = useWords();
  return (
    <section aria-label={t("assist.passages")}>
      <h3>{t("assist.passages")}</h3>
      {passages.length === 0 && <p className="muted small">{t("assist.no_passages")}</p>}
      {passages.map((passage, index) => (
        <PassageView key={`${passage.file} ${passage.title}`} conversation={conversation} passage={passage} command={commands[index]} mine={mine} />
      ))}
    </section>
  );
}

function PassageView({ conversation, passage, command, mine }: { conversation: string; passage: Passage; command: Command | undefined; mine: boolean }) {
  const { t, percent } = useWords();
  const { title, text, file, score, language } = passage;
  const [open, setOpen] = useState(false);
  const insert = useCallback(() => insertReply(conversation, text, { file, question: title, score }), [conversation, text, file, title, score]);
  useCommand(command ?? "passage_1", command && mine ? insert : undefined);
  const long = text.length > EXCERPT;
  return (
    <article className="suggested" data-testid="passage">
      <header>
        <strong dir="auto">{title}</strong>
        <span className="pill" title={t("assist.score")}>
          {percent(Math.round(score * 100), 100)}
        </span>
      </header>
      <p className="foreign" dir="auto" lang={language}>
        {open || !long ? text : `${text.slice(0, EXCERPT)}…`}
      </p>
      <footer>
        <span className="muted small ellipsis" title={file}>
          {file}
        </span>
        {long && (
          <button type="button" className="plain link small" aria-expanded={open} onClick={() => setOpen(!open)}>
            {t(open ? "assist.less" : "assist.more")}
          </button>
        )}
        <Insert act={insert} mine={mine} keys={command?.at(-1)} testid="passage-insert" />
      </footer>
    </article>
  );
}

export function Replies({ conversation, replies, mine }: { conversation: string; replies: { name: string; text: string }[]; mine: boolean }) {
  const { t } = useWords();
  if (replies.length === 0) return null;
  return (
    <section aria-label={t("assist.replies")}>
      <h3>{t("assist.replies")}</h3>
      {replies.map(({ name, text }) => (
        <article key={name} className="suggested" data-testid="suggested-reply">
          <p className="foreign" dir="auto">
            {text}
          </p>
          <footer>
            <span className="muted small ellipsis">{name}</span>
            <Insert act={() => insertReply(conversation, text)} mine={mine} testid="reply-insert" />
          </footer>
        </article>
      ))}
    </section>
  );
}

/** Makes a text the draft of a reply; nothing where the reader does not reply here. */
export function Insert({ act, mine, keys, testid }: { act: () => void; mine: boolean; keys?: string | undefined; testid: string }) {
  const { t } = useWords();
  if (!mine) return null;
  return (
    <Tooltip label={t("assist.insert_title")}>
      <Button size="compact-xs" variant="light" leftSection={<IconPencilPlus size={13} />} rightSection={keys && <Kbd size="xs">{keys}</Kbd>} onClick={act} aria-keyshortcuts={keys} data-testid={testid}>
        {t("assist.insert")}
      </Button>
    </Tooltip>
  );
}
