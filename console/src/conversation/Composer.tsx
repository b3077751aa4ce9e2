/** Where replies and notes are written. The draft is kept at every keystroke. */

import { ActionIcon, Button, CloseButton, Loader, Textarea, Tooltip } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { IconBook2, IconLock, IconPaperclip, IconSend } from "@tabler/icons-react";
import { useCallback, useEffect, useRef, useState } from "react";
import type { DragEvent, KeyboardEvent } from "react";
import { upload } from "../api/client";
import type { Attachment, Citation, Conversation } from "../api/types";
import { useComplaint } from "../app/complain";
import { useCommand } from "../app/hotkeys";
import { useWords } from "../i18n";
import { tellTyping } from "../store/actions";
import { draftOf, keepDraft, whenInserted, withSuggestion } from "../store/drafts";
import type { Draft } from "../store/drafts";
import { send } from "../store/outbox";
import { useStore } from "../store/store";
import { sends } from "./keys";

/** The customer's side shows "writing" for a while; telling it more often than this is noise, ms. */
const TYPING_EVERY_MS = 3_000;

export function Composer({ conversation, customer }: { conversation: Conversation; customer: string }) {
  const { t } = useWords();
  const me = useStore((state) => state.me);
  const mine = conversation.owner === "agent" && conversation.agent?.id === me?.id;
  const { draft, change, latest } = useDraft(conversation.id);
  const area = useRef<HTMLTextAreaElement>(null);
  const files = useFiles(latest, change);
  const note = draft.kind === "note" || !mine;
  const kind = note ? "note" : "reply";
  const blank = !draft.text[kind].trim() && (note || draft.attachments.length === 0);
  const ready = !blank && files.uploading.length === 0;
  const tell = useTyping(conversation.id);
  const choose = useChoice(area, latest, change);
  useSuggestions(conversation.id, area, latest, change);

  const submit = () => {
    if (!ready) return;
    send(conversation.id, kind, draft.text[kind].trim(), note ? [] : draft.attachments, note ? undefined : draft.source);
    change({ ...draft, text: { ...draft.text, [kind]: "" }, attachments: note ? draft.attachments : [], source: note ? draft.source : undefined });
    area.current?.focus();
  };
  const pressed = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    const native = event.nativeEvent;
    if (event.key === "Escape" && !native.isComposing) return area.current?.blur();
    if (!sends(native)) return;
    event.preventDefault();
    submit();
  };
  const wrote = (text: string) => {
    change({ ...draft, text: { ...draft.text, [kind]: text }, source: note || text ? draft.source : undefined });
    if (!note && text) tell();
  };

  return (
    <div className={`composer${note ? " is-note" : ""}${files.dropping ? " dropping" : ""}`} {...files.drop} data-testid="composer-box">
      <Tabs kind={kind} mine={mine} choose={choose} />
      {!mine && <div className="why-not">{t(`composer.not_owner_${conversation.owner}`, { agent: conversation.agent?.name ?? "" })}</div>}
      <Textarea
        ref={area}
        variant="unstyled"
        autosize
        minRows={mine ? 2 : 1}
        maxRows={12}
        value={draft.text[kind]}
        onChange={(event) => wrote(event.currentTarget.value)}
        onKeyDown={pressed}
        onPaste={(event) => files.add([...event.clipboardData.files])}
        placeholder={note ? t("composer.note_placeholder") : t("composer.reply_placeholder", { customer })}
        aria-label={note ? t("composer.note") : t("composer.reply")}
        dir="auto"
        data-testid="composer"
      />
      {!note && draft.source && <Source source={draft.source} remove={() => change({ ...draft, source: undefined })} />}
      {!note && <DraftFiles attachments={draft.attachments} uploading={files.uploading} remove={(index) => change({ ...draft, attachments: draft.attachments.toSpliced(index, 1) })} />}
      <div className="foot">
        {!note && <AttachButton add={files.add} />}
        <span className="muted small ellipsis" style={{ flex: 1 }}>
          {note && draft.attachments.length > 0 ? t("composer.note_attachments") : t("composer.hint")}
        </span>
        <Button size="xs" onClick={submit} disabled={!ready} leftSection={note ? <IconLock size={14} /> : <IconSend size={14} />} data-testid="composer-send">
          {note ? t("composer.save_note") : t("composer.send")}
        </Button>
      </div>
    </div>
  );
}

/** The draft of a conversation, and the newest one for what finishes later. */
function useDraft(conversation: string) {
  const [draft, setDraft] = useState(() => draftOf(conversation));
  const latest = useRef(draft);
  const change = useCallback(
    (next: Draft) => {
      latest.current = next;
      keepDraft(conversation, next);
      setDraft(next);
    },
    [conversation],
  );
  return { draft, change, latest };
}

/** Turns to the reply or the note, by its tab or its key, and lets the agent write. */
function useChoice(area: React.RefObject<HTMLTextAreaElement | null>, latest: React.RefObject<Draft>, change: (draft: Draft) => void) {
  const choose = useCallback(
    (next: Draft["kind"]) => {
      change({ ...latest.current, kind: next });
      area.current?.focus();
    },
    [area, change, latest],
  );
  useCommand("reply", useCallback(() => choose("reply"), [choose]));
  useCommand("note", useCallback(() => choose("note"), [choose]));
  return choose;
}

/** Takes what is suggested beside the conversation, for the agent to go on writing. */
function useSuggestions(conversation: string, area: React.RefObject<HTMLTextAreaElement | null>, latest: React.RefObject<Draft>, change: (draft: Draft) => void) {
  useEffect(
    () =>
      whenInserted(conversation, (text, source) => {
        change(withSuggestion(latest.current, text, source));
        // Once the field shows it: the keyboard goes on at its end.
        requestAnimationFrame(() => {
          area.current?.focus();
          area.current?.setSelectionRange(area.current.value.length, area.current.value.length);
        });
      }),
    [conversation, area, latest, change],
  );
}

function Source({ source, remove }: { source: Citation; remove: () => void }) {
  const { t } = useWords();
  return (
    <div className="source" data-testid="draft-source">
      <IconBook2 size={14} aria-hidden />
      <span className="ellipsis">
        {t("journal.citation", { question: source.question })} <bdi>({source.file})</bdi>
      </span>
      <CloseButton size="xs" aria-label={t("assist.no_source")} onClick={remove} />
    </div>
  );
}

/** Says that the agent is writing, now and then. */
function useTyping(conversation: string): () => void {
  const told = useRef(0);
  return useCallback(() => {
    if (Date.now() - told.current < TYPING_EVERY_MS) return;
    told.current = Date.now();
    tellTyping(conversation);
  }, [conversation]);
}

function Tabs({ kind, mine, choose }: { kind: Draft["kind"]; mine: boolean; choose: (kind: Draft["kind"]) => void }) {
  const { t } = useWords();
  const tabs = mine ? (["reply", "note"] as const) : (["note"] as const);
  const arrows = (event: KeyboardEvent) => {
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") choose(kind === "reply" && mine ? "note" : mine ? "reply" : "note");
  };
  return (
    <div className="tabs" role="tablist" aria-label={t("composer.kind")} onKeyDown={arrows}>
      {tabs.map((each) => (
        <button key={each} type="button" role="tab" className="plain" aria-selected={kind === each} tabIndex={kind === each ? 0 : -1} onClick={() => choose(each)} aria-keyshortcuts={each[0]} data-testid={`composer-tab-${each}`}>
          {t(`composer.${each}`)}
        </button>
      ))}
    </div>
  );
}

function AttachButton({ add }: { add: (files: File[]) => void }) {
  const { t } = useWords();
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        onChange={(event) => {
          add([...(event.currentTarget.files ?? [])]);
          event.currentTarget.value = "";
        }}
        data-testid="composer-file"
      />
      <Tooltip label={t("composer.attach")}>
        <ActionIcon variant="subtle" color="gray" aria-label={t("composer.attach")} onClick={() => input.current?.click()} data-testid="composer-attach">
          <IconPaperclip size={18} />
        </ActionIcon>
      </Tooltip>
    </>
  );
}

function DraftFiles({ attachments, uploading, remove }: { attachments: Attachment[]; uploading: string[]; remove: (index: number) => void }) {
  const { t, bytes } = useWords();
  if (attachments.length === 0 && uploading.length === 0) return null;
  return (
    <div className="files" style={{ padding: "0 12px 6px" }}>
      {attachments.map((attachment, index) => (
        <span key={attachment.hash ?? index} className="file" data-testid="draft-attachment">
          <bdi className="ellipsis">{attachment.name}</bdi>
          {attachment.size !== undefined && <span className="muted small">{bytes(attachment.size)}</span>}
          <CloseButton size="xs" aria-label={t("composer.remove_attachment", { name: attachment.name })} onClick={() => remove(index)} />
        </span>
      ))}
      {uploading.map((name, index) => (
        <span key={index} className="file" role="status">
          <Loader size={12} /> {t("composer.uploading", { name })}
        </span>
      ))}
    </div>
  );
}

/** Uploads what is chosen, pasted or dropped; each file joins the draft when the daemon has it. */
function useFiles(latest: React.RefObject<Draft>, change: (draft: Draft) => void) {
  const { t } = useWords();
  const complaint = useComplaint();
  const [uploading, setUploading] = useState<string[]>([]);
  const [dropping, setDropping] = useState(false);
  const alive = useRef(true);
  useEffect(() => {
    alive.current = true;
    return () => {
      alive.current = false;
    };
  }, []);

  const add = (chosen: File[]) => {
    for (const file of chosen) {
      setUploading((names) => [...names, file.name]);
      upload(file)
        .then((attachment) => change({ ...latest.current, attachments: [...latest.current.attachments, attachment] }))
        .catch((failure: unknown) => notifications.show({ color: "red", message: t("composer.upload_failed", { name: file.name, reason: complaint(failure) }) }))
        .finally(() => alive.current && setUploading((names) => names.toSpliced(names.indexOf(file.name), 1)));
    }
  };
  const over = (event: DragEvent) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    setDropping(true);
  };
  const dropped = (event: DragEvent) => {
    event.preventDefault();
    setDropping(false);
    add([...event.dataTransfer.files]);
  };
  return { uploading, add, dropping, drop: { onDragOver: over, onDragLeave: () => setDropping(false), onDrop: dropped } };
}
