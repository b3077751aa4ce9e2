/** The launcher and the panel. Reads the session, tells it what the visitor does, and decides nothing. */

import { el, icon, ICONS, say, set } from "./dom";
import { Drafts } from "./drafts";
import { MAX_TEXT } from "./protocol";
import type { Session } from "./session";
import css from "./style.css?inline";
import { Log } from "./log";
import { type Language, TEXTS, type Texts } from "./texts";

/** Where the panel fills the screen; the same as in the style. */
const PHONE = "(max-width: 480px), (max-height: 480px)";

export class View {
  readonly host = el("switchboard-chat" as "div");
  private texts: Texts = TEXTS.en;
  private language: Language = "en";

  private readonly badge = el("span", { class: "badge", hidden: true });
  private readonly launcher = el(
    "button",
    { class: "launcher", type: "button", "aria-expanded": "false", "aria-controls": "panel", click: () => this.toggle() },
    icon(ICONS.chat),
    icon(ICONS.down),
    this.badge,
  );
  private readonly title = el("h2", { id: "title" });
  private readonly status = el("p", { class: "status", role: "status" });
  private readonly closer = el("button", { class: "round", type: "button", click: () => this.close() }, icon(ICONS.cross));
  private readonly log: Log;
  private readonly typing = el("p", { class: "typing", role: "status", hidden: true });
  private readonly banner = el("p", { class: "banner", role: "status", hidden: true });
  private readonly drafts: Drafts;
  private readonly text = el("textarea", {
    rows: 1,
    maxlength: MAX_TEXT,
    enterkeyhint: "send",
    input: () => this.typed(),
    keydown: (event: KeyboardEvent) => this.key(event),
    paste: (event: ClipboardEvent) => this.drafts.add(event.clipboardData?.files),
  });
  private readonly sender = el("button", { class: "round send", type: "submit" }, icon(ICONS.send));
  private readonly panel: HTMLElement;

  constructor(
    private readonly session: Session,
    private readonly heading: string | undefined,
    colour: string | undefined,
  ) {
    this.log = new Log(session, (text) => this.fill(text));
    this.drafts = new Drafts(session, () => this.render());
    const header = el("header", {}, el("div", { class: "mark" }, icon(ICONS.chat)), el("div", { class: "who" }, this.title, this.status), this.closer);
    const form = el(
      "form",
      { class: "composer", submit: (event: Event) => this.submit(event) },
      this.drafts.list,
      el("div", { class: "row" }, this.drafts.button, this.text, this.sender, this.drafts.input),
    );
    this.panel = el(
      "section",
      { class: "panel", id: "panel", role: "dialog", "aria-labelledby": "title", hidden: true, keydown: (event: KeyboardEvent) => this.panelKey(event) },
      header,
      this.banner,
      this.log.element,
      this.typing,
      form,
    );
    const root = this.host.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [sheet];
    root.append(this.panel, this.launcher);
    if (colour && CSS.supports("color", colour)) this.host.style.setProperty("--brand", colour);
    document.addEventListener("visibilitychange", this.seen);
    visualViewport?.addEventListener("resize", this.fit);
    if (session.kept.open && !matchMedia(PHONE).matches) this.show();
  }

  speak(language: Language): void {
    this.language = language;
    this.texts = TEXTS[language];
    this.render();
  }

  open(): void {
    this.show();
    if (matchMedia("(pointer: fine)").matches) this.text.focus();
    else this.closer.focus();
  }

  close(): void {
    if (this.panel.hidden) return;
    this.panel.hidden = true;
    this.session.keep({ open: false });
    this.render();
    this.launcher.focus();
  }

  remove(): void {
    document.removeEventListener("visibilitychange", this.seen);
    visualViewport?.removeEventListener("resize", this.fit);
    this.host.remove();
  }

  render(): void {
    const { texts, session } = this;
    const open = !this.panel.hidden;
    const unread = open ? 0 : session.thread.unread(session.kept.read).length;
    set(this.host, { lang: this.language });
    this.panel.classList.toggle("offline", !session.online);
    say(this.title, this.heading ?? texts.title);
    say(this.status, this.describe());
    say(this.badge, unread > 9 ? "9+" : String(unread));
    this.badge.hidden = unread === 0;
    const call = open ? texts.close : texts.open;
    set(this.launcher, { "aria-expanded": String(open), "aria-label": unread ? `${call}, ${texts.unread(unread)}` : call });
    set(this.closer, { "aria-label": texts.close });
    set(this.text, { placeholder: texts.placeholder, "aria-label": texts.placeholder });
    set(this.sender, { "aria-label": texts.send });
    this.sender.disabled = !this.sendable;
    this.drafts.render(texts);
    this.log.render(texts, this.language);
    this.renderTyping();
    const waits = !session.online && session.outbox.pending.length > 0;
    say(this.banner, session.online ? "" : waits || !navigator.onLine ? texts.offline : texts.connecting);
    this.banner.hidden = session.online;
    this.seen();
  }

  private describe(): string {
    const { texts } = this;
    const { owner, agent, position } = this.session.thread.status;
    if (owner === "agent") return texts.withAgent(agent ?? "");
    if (owner === "queue") return position ? texts.inLine(position) : texts.waiting;
    return owner === "closed" ? texts.closed : texts.withBot;
  }

  private renderTyping(): void {
    const name = this.session.typing;
    if (this.typing.hidden !== !name) {
      this.typing.replaceChildren(...(name ? [el("span", { class: "dots" }, el("i"), el("i"), el("i")), el("span")] : []));
      this.typing.hidden = !name;
    }
    if (name) say(this.typing.lastElementChild as HTMLElement, this.texts.typing(name));
  }

  private toggle(): void {
    if (this.panel.hidden) this.open();
    else this.close();
  }

  private show(): void {
    this.panel.hidden = false;
    this.session.keep({ open: true });
    this.session.start();
    this.fit();
    this.render();
    this.log.toEnd();
  }

  private readonly seen = (): void => {
    this.session.reach(!this.panel.hidden && document.visibilityState === "visible");
  };

  /** A phone's keyboard covers the page without changing its height. */
  private readonly fit = (): void => {
    this.host.style.setProperty("--height", `${visualViewport?.height ?? innerHeight}px`);
  };

  private typed(): void {
    this.text.style.height = "auto";
    this.text.style.height = `${this.text.scrollHeight}px`;
    this.session.write(this.text.value.trim() !== "");
    this.sender.disabled = !this.sendable;
  }

  private get sendable(): boolean {
    return !this.drafts.busy && (this.text.value.trim() !== "" || this.drafts.ready.length > 0);
  }

  private key(event: KeyboardEvent): void {
    // While an input method composes, Enter chooses a word.
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229) this.submit(event);
  }

  private submit(event: Event): void {
    event.preventDefault();
    if (!this.sendable) return;
    const text = this.text.value.trim();
    this.text.value = "";
    this.session.send(text, this.drafts.take());
    this.typed();
    this.log.toEnd();
    this.text.focus();
  }

  /** Puts a text that was refused back before its author. */
  private fill(text: string): void {
    this.text.value = [text, this.text.value].filter(Boolean).join("\n");
    this.typed();
    this.text.focus();
  }

  private panelKey(event: KeyboardEvent): void {
    if (event.key === "Escape") {
      event.stopPropagation();
      this.close();
    } else if (event.key === "Tab" && matchMedia(PHONE).matches) {
      this.stayInside(event);
    }
  }

  /** Where the panel is all there is to see, it is all there is to reach. */
  private stayInside(event: KeyboardEvent): void {
    const reachable = [...this.panel.querySelectorAll<HTMLElement>("button, textarea, a[href], [tabindex]")].filter(
      (element) => !element.matches(":disabled") && element.offsetParent !== null,
    );
    const [from, to] = event.shiftKey ? [reachable[0], reachable.at(-1)] : [reachable.at(-1), reachable[0]];
    if ((this.host.shadowRoot?.activeElement ?? null) !== from) return;
    event.preventDefault();
    to?.focus();
  }
}
