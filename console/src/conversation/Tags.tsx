import { IconPlus, IconX } from "@tabler/icons-react";
import { useState } from "react";
import type { KeyboardEvent } from "react";
import { useComplain } from "../app/complain";
import { useWords } from "../i18n";
import { changeTags } from "../store/actions";

export function Tags({ conversation, tags }: { conversation: string; tags: string[] }) {
  const { t } = useWords();
  const complain = useComplain();
  const change = (add: string[], remove: string[]) => void changeTags(conversation, add, remove).catch(complain);
  return (
    <>
      {tags.map((tag) => (
        <span key={tag} className="tag" data-testid="tag">
          <bdi className="ellipsis">{tag}</bdi>
          <button type="button" className="plain" aria-label={t("conversation.remove_tag", { tag })} onClick={() => change([], [tag])}>
            <IconX size={11} aria-hidden />
          </button>
        </span>
      ))}
      <NewTag add={(tag) => !tags.includes(tag) && change([tag], [])} />
    </>
  );
}

function NewTag({ add }: { add: (tag: string) => void }) {
  const { t } = useWords();
  const [text, setText] = useState<string>();
  const done = () => {
    const tag = text?.trim();
    if (tag) add(tag);
    setText(undefined);
  };
  const pressed = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing || event.keyCode === 229) return;
    if (event.key === "Enter") done();
    if (event.key === "Escape") setText(undefined);
  };
  if (text === undefined)
    return (
      <button type="button" className="plain tag-add" onClick={() => setText("")} data-testid="tag-add">
        <IconPlus size={11} aria-hidden />
        {t("conversation.add_tag")}
      </button>
    );
  return (
    <input
      className="tag"
      style={{ width: 120, border: "1px solid var(--sb-accent)", background: "var(--sb-raised)" }}
      aria-label={t("conversation.new_tag")}
      autoFocus
      maxLength={64}
      value={text}
      onChange={(event) => setText(event.currentTarget.value)}
      onKeyDown={pressed}
      onBlur={done}
      data-testid="tag-input"
    />
  );
}
