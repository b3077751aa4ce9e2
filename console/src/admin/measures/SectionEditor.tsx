/** A section of the knowledge: a first draft from what customers asked, completed by whoever knows the answer. */

import { Alert, Button, CopyButton, Group, Modal, Stack, TextInput, Textarea } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useState } from "react";
import type { FormEvent } from "react";
import { ApiError, call } from "../../api/client";
import type { MissGroup, NewSection, WrittenSection } from "../../api/measures";
import { useComplaint } from "../../app/complain";
import { useWords } from "../../i18n";

interface Props {
  group: MissGroup;
  /** Whether there is a folder to write into. */
  folder: boolean;
  onClose: () => void;
  onSaved: () => void;
}

type Fields = Pick<NewSection, "file" | "question" | "answer"> & { also: string };

/** The section as a file, as the daemon writes it: to copy where it cannot. */
export function markdownOf({ language, question, also, answer }: NewSection): string {
  const line = (text: string) => text.trim().split(/\s+/).join(" ");
  const paraphrases = also.map(line).filter(Boolean).map((each) => `- also: ${each}\n`).join("");
  return `---\nlanguage: ${language}\n---\n\n## ${line(question)}\n\n${paraphrases}${paraphrases && "\n"}${answer.trim()}\n`;
}

export function SectionEditor({ group, folder, onClose, onSaved }: Props) {
  const { t } = useWords();
  const complaint = useComplaint();
  const [fields, setFields] = useState<Fields>({ file: group.file, question: group.question, also: group.wordings.join("\n"), answer: "" });
  const [failure, setFailure] = useState<unknown>();
  const [checked, setChecked] = useState<WrittenSection>();
  const [busy, setBusy] = useState(false);
  const section: NewSection = { ...fields, language: group.language || "en", also: fields.also.split("\n").filter((line) => line.trim()) };
  const set = (part: Partial<Fields>) => {
    setFields((before) => ({ ...before, ...part }));
    setChecked(undefined);
  };
  const send = async (check: boolean) => {
    setBusy(true);
    setFailure(undefined);
    try {
      const written = await call<WrittenSection>("POST", "/measures/sections", { ...section, check });
      if (!written.saved) return setChecked(written);
      notifications.show({ message: t("section.saved", { file: section.file }), color: "green" });
      onSaved();
      onClose();
    } catch (error) {
      setFailure(error);
    } finally {
      setBusy(false);
    }
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void send(false);
  };
  const toCopy = !folder || (failure instanceof ApiError && failure.code === "not_writable");
  return (
    <Modal opened onClose={onClose} size="xl" title={t("section.title")} closeButtonProps={{ "aria-label": t("app.close_panel") }}>
      <form onSubmit={submit} data-testid="section-form">
        <Stack gap="sm">
          <p className="muted small">{t("section.text")}</p>
          <TextInput label={t("section.question")} value={fields.question} onChange={(event) => set({ question: event.currentTarget.value })} required withAsterisk={false} maxLength={300} data-testid="section-question" />
          <Textarea label={t("section.also")} description={t("section.also_hint")} value={fields.also} onChange={(event) => set({ also: event.currentTarget.value })} autosize minRows={2} maxRows={8} data-testid="section-also" />
          <Textarea label={t("section.answer")} description={t("section.answer_hint")} value={fields.answer} onChange={(event) => set({ answer: event.currentTarget.value })} autosize minRows={5} maxRows={16} required withAsterisk={false} data-autofocus data-testid="section-answer" />
          <TextInput label={t("section.file")} description={t("section.file_hint")} value={fields.file} onChange={(event) => set({ file: event.currentTarget.value })} required withAsterisk={false} spellCheck={false} data-testid="section-file" />
          {failure !== undefined && (
            <Alert color="red" role="alert" style={{ whiteSpace: "pre-line" }}>
              {complaint(failure)}
            </Alert>
          )}
          {checked && <Checked checked={checked} />}
          {toCopy && <pre className="section-text" tabIndex={0} aria-label={t("section.file")}>{markdownOf(section)}</pre>}
          <Group justify="flex-end">
            <CopyButton value={markdownOf(section)}>
              {({ copied, copy }) => (
                <Button type="button" variant="default" onClick={copy}>
                  {copied ? t("app.copied") : t("app.copy")}
                </Button>
              )}
            </CopyButton>
            <Button type="button" variant="default" loading={busy} onClick={() => void send(true)} disabled={!folder} data-testid="section-check">
              {t("section.check")}
            </Button>
            <Button type="submit" loading={busy} disabled={!folder} data-testid="section-save">
              {t("app.save")}
            </Button>
          </Group>
          {!folder && <p className="muted small">{t("section.no_folder")}</p>}
        </Stack>
      </form>
    </Modal>
  );
}

function Checked({ checked: { unanswered } }: { checked: WrittenSection }) {
  const { t } = useWords();
  if (unanswered.length === 0) return <Alert color="green" role="status">{t("section.fine")}</Alert>;
  return (
    <Alert color="yellow" role="status" title={t("section.unanswered")}>
      <ul>
        {unanswered.map((each) => (
          <li key={each}>
            <bdi dir="auto">{each}</bdi>
          </li>
        ))}
      </ul>
    </Alert>
  );
}
