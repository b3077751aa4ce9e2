/** The messages on the screen. Elements stay while what they show stays, so a screen reader is told only what is new. */

import { cards } from "./cards";
import { type Child, el, icon, ICONS } from "./dom";
import { safe } from "./linkify";
import { anchor, rich } from "./links";
import type { Author, Button, SharedFile } from "./protocol";
import type { Session } from "./session";
import { type Language, locale, type Texts } from "./texts";
import { type Item, type Message, transcript, unfinished, WRITING } from "./transcript";

/** Pixels from the end within which new messages are scrolled to. */
const NEAR_END = 80;

export class Log {
  private readonly welcome = el("div", { class: "welcome" }, el("p", { class: "greeting" }), el("p", { class: "introduction" }));
  private readonly list = el("ol", { class: "items" });
  readonly element = el("div", { class: "log", role: "log", tabindex: 0 }, this.welcome, this.list);
  private shown = new Map<string, { text: string; element: HTMLElement }>();
  private texts!: Texts;
  private language: Language = "en";

  constructor(
    private readonly session: Session,
    private readonly edit: (text: string) => void,
  ) {
    new ResizeObserver(() => this.atEnd && this.toEnd()).observe(this.element);
    this.element.addEventListener("scroll", () => (this.atEnd = this.nearEnd), { passive: true });
  }

  private atEnd = true;

  render(texts: Texts, language: Language): void {
    this.texts = texts;
    this.language = language;
    this.element.setAttribute("aria-label", texts.messages);
    this.welcome.firstElementChild!.textContent = texts.greeting;
    this.welcome.lastElementChild!.textContent = texts.introduction;
    const items = transcript(this.session.thread.entries, this.session.outbox.pending);
    const { thread, writing } = this.session;
    if (writing) items.push(unfinished(writing, Date.parse(thread.entries.at(-1)?.at ?? "") || 0));
    this.welcome.hidden = items.length > 0;
    this.place(items.map((item) => this.keep(item)));
    if (this.atEnd) this.toEnd();
  }

  toEnd(): void {
    this.element.scrollTop = this.element.scrollHeight;
    this.atEnd = true;
  }

  private get nearEnd(): boolean {
    const { scrollHeight, scrollTop, clientHeight } = this.element;
    return scrollHeight - scrollTop - clientHeight < NEAR_END;
  }

  /** The element of an item: the one from before if it shows the same. */
  private keep(item: Item): HTMLElement {
    const text = JSON.stringify([item, this.language]);
    const before = this.shown.get(item.key);
    if (before?.text === text) return before.element;
    const element = this.draw(item);
    if (before) {
      element.classList.add("still");
      before.element.replaceWith(element);
    }
    this.shown.set(item.key, { text, element });
    return element;
  }

  /** Puts the elements in order, moving none that is in its place. */
  private place(elements: HTMLElement[]): void {
    const wanted = new Set<Element>(elements);
    for (const child of [...this.list.children]) if (!wanted.has(child)) child.remove();
    elements.forEach((element, index) => {
      const there = this.list.children[index];
      if (there !== element) this.list.insertBefore(element, there ?? null);
    });
    for (const [key, { element }] of this.shown) if (!wanted.has(element)) this.shown.delete(key);
  }

  private draw(item: Item): HTMLElement {
    if (item.kind === "day") return el("li", { class: "day" }, this.day(item.at));
    if (item.kind === "notice") return el("li", { class: "notice" }, ...rich(item.text, this.texts));
    return this.message(item);
  }

  private message(item: Message): HTMLElement {
    const mine = item.author.type === "customer";
    const place = [mine ? "mine" : "theirs", item.author.type, item.first && "first", item.last && "last", item.state];
    const name = this.name(item.author);
    // Read aloud once, when it is whole.
    const unread = item.key === WRITING && { "aria-hidden": "true" };
    return el(
      "li",
      { class: place.filter(Boolean).join(" "), ...unread },
      item.first && el("span", { class: mine ? "name unseen" : "name" }, !mine && this.avatar(item.author, name), name),
      item.text !== "" && el("div", { class: "bubble", dir: "auto" }, ...rich(item.text, this.texts)),
      ...item.files.map((file) => this.file(file)),
      item.location && this.map(item.location),
      item.cards.length > 0 && cards(item.cards, this.texts, (button) => this.button(button)),
      item.buttons.length > 0 && el("div", { class: "buttons" }, ...item.buttons.map((button) => this.button(button))),
      this.foot(item),
    );
  }

  private name(author: Author): string {
    if (author.type === "agent") return author.name;
    return author.type === "customer" ? this.texts.you : author.type === "bot" ? this.texts.bot : this.texts.system;
  }

  private avatar(author: Author, name: string): HTMLElement {
    const picture = author.type === "agent" ? [...name.trim()][0]?.toUpperCase() : icon(ICONS.spark);
    return el("span", { class: "avatar", "aria-hidden": "true" }, picture);
  }

  private foot(item: Message): Child {
    const { texts } = this;
    if (item.state === "sending") return item.last && el("span", { class: "foot" }, texts.sending);
    if (item.state === "failed") {
      const again = (): void => {
        this.session.outbox.remove(item.key);
        this.edit(item.text);
        this.session.refresh();
      };
      return el("span", { class: "foot" }, `${texts.failed} · `, el("button", { type: "button", class: "link", click: again }, texts.edit));
    }
    return item.last && el("time", { class: "foot", datetime: new Date(item.at).toISOString() }, this.time(item.at));
  }

  /** Pictures are shown from the channel's own address alone: another's server would learn who looks. */
  private file(file: SharedFile): HTMLElement {
    const url = file.url && safe(new URL(file.url, this.session.url).href);
    const own = url && url.startsWith(this.session.url);
    const picture = own && /^image\/(png|jpeg|gif|webp)$/.test(file.media_type);
    const size = file.size === undefined ? "" : bytes(file.size, this.locale);
    const inside = picture
      ? [el("img", { src: url, alt: file.name, loading: "lazy" })]
      : [icon(ICONS.file), el("span", {}, file.name), el("small", {}, size)];
    const attributes = { class: picture ? "file picture" : "file" };
    if (!url) return el("span", attributes, ...inside);
    return anchor(url, this.texts, attributes, ...inside);
  }

  private map({ latitude, longitude, name }: NonNullable<Message["location"]>): HTMLElement {
    const url = `https://www.openstreetmap.org/?mlat=${latitude}&mlon=${longitude}#map=16/${latitude}/${longitude}`;
    return anchor(url, this.texts, { class: "file" }, icon(ICONS.pin), el("span", {}, name ?? this.texts.map));
  }

  private button(button: Button): HTMLElement {
    const url = button.url && safe(button.url);
    if (url) return anchor(url, this.texts, { class: "choice" }, button.title);
    return el("button", { type: "button", class: "choice", click: () => this.session.press(button) }, button.title);
  }

  private get locale(): string {
    return locale(this.language, navigator.languages);
  }

  private day(at: number): string {
    const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(at).setHours(0, 0, 0, 0)) / 86_400_000);
    if (days === 0) return this.texts.today;
    if (days === 1) return this.texts.yesterday;
    return new Intl.DateTimeFormat(this.locale, { dateStyle: "medium" }).format(at);
  }

  private time(at: number): string {
    return new Intl.DateTimeFormat(this.locale, { hour: "numeric", minute: "2-digit" }).format(at);
  }
}

function bytes(size: number, locale: string): string {
  const [unit, by] = size < 1_000_000 ? (["kilobyte", 1_000] as const) : (["megabyte", 1_000_000] as const);
  const format = { style: "unit", unit, maximumSignificantDigits: 2 } as const;
  return new Intl.NumberFormat(locale, format).format(Math.max(size, 100) / by);
}
