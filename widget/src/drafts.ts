/** Files that the visitor has chosen and not yet sent: uploaded while they write. */

import { el, icon, ICONS, say, set } from "./dom";
import { MAX_FILES, type Uploaded } from "./protocol";
import type { Session } from "./session";
import { type Texts, TEXTS } from "./texts";

interface Draft {
  name: string;
  uploaded?: Uploaded;
  /** The code of why it could not be uploaded. */
  fault?: string;
}

export class Drafts {
  readonly list = el("ul", { class: "drafts", hidden: true });
  readonly input = el("input", { type: "file", multiple: true, hidden: true, tabindex: -1, change: () => this.chosen() });
  readonly button = el("button", { class: "round", type: "button", click: () => this.input.click() }, icon(ICONS.clip));
  private drafts: Draft[] = [];
  private texts: Texts = TEXTS.en;

  constructor(
    private readonly session: Session,
    private readonly changed: () => void,
  ) {}

  get busy(): boolean {
    return this.drafts.some((draft) => !draft.uploaded && !draft.fault);
  }

  get ready(): Uploaded[] {
    return this.drafts.flatMap(({ uploaded }) => uploaded ?? []);
  }

  /** The uploaded files, which from now on belong to a message. */
  take(): Uploaded[] {
    const files = this.ready;
    this.drafts = [];
    return files;
  }

  add(files: FileList | undefined): void {
    if (!this.session.kept.token) return;
    for (const file of files ?? []) {
      const draft: Draft = { name: file.name };
      this.drafts.push(draft);
      if (this.drafts.length > MAX_FILES) draft.fault = "too_many";
      else void this.upload(file, draft);
    }
    this.changed();
  }

  render(texts: Texts): void {
    this.texts = texts;
    set(this.button, { "aria-label": texts.attach });
    this.button.disabled = !this.session.kept.token;
    this.list.hidden = this.drafts.length === 0;
    this.list.replaceChildren(...this.drafts.map((draft) => this.row(draft)));
  }

  private row(draft: Draft): HTMLElement {
    const remove = (): void => {
      this.drafts = this.drafts.filter((other) => other !== draft);
      this.changed();
    };
    const note = el("small");
    say(note, draft.fault ? this.explain(draft.fault) : draft.uploaded ? "" : this.texts.uploading);
    const label = `${this.texts.remove}: ${draft.name}`;
    return el(
      "li",
      { class: draft.fault ? "draft fault" : "draft" },
      icon(ICONS.file),
      el("span", {}, draft.name),
      note,
      el("button", { class: "round small", type: "button", "aria-label": label, click: remove }, icon(ICONS.cross)),
    );
  }

  private explain(code: string): string {
    const { texts } = this;
    if (code === "too_large") return texts.tooLarge;
    if (code === "attachment_refused") return texts.fileRefused;
    return code === "too_many" ? texts.tooManyFiles(MAX_FILES) : texts.uploadFailed;
  }

  private async upload(file: File, draft: Draft): Promise<void> {
    try {
      draft.uploaded = await this.session.upload(file);
    } catch (error) {
      draft.fault = error instanceof Error ? error.message : "upload_failed";
    }
    this.changed();
  }

  private chosen(): void {
    this.add(this.input.files ?? undefined);
    this.input.value = "";
  }
}
