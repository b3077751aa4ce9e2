/** One visitor's chat, as the page holds it: thread, outbox and connection together, and what outlives the page. */

import { Connection, type Listener } from "./connection";
import { Outbox, type Pending, type Storage } from "./outbox";
import type { Button, ClientFrame, Entry, ServerFrame, Uploaded, User } from "./protocol";
import { Thread } from "./thread";

/** Milliseconds. */
const TYPING_EVERY = 3_000;
const TYPING_SHOWN = 6_000;

/** What the browser keeps between pages. */
interface Kept {
  token?: string;
  /** The id of the page's user to whom the token was given. */
  user?: string;
  /** The newest entry of the company that was seen. */
  read?: string;
  open?: boolean;
}

export class Session implements Listener {
  thread = new Thread();
  readonly outbox: Outbox;
  kept: Kept;
  /** The name of who is writing, while they are. */
  typing: string | undefined;
  /** What the bot has written so far of an answer; empty while it writes none. */
  writing = "";
  private user: User | undefined;
  private connection: Connection | undefined;
  private typed = 0;
  private reached = "";
  private resting: ReturnType<typeof setTimeout> | undefined;
  private typingEnd: ReturnType<typeof setTimeout> | undefined;

  constructor(
    /** The channel's address, with a slash at the end. */
    readonly url: string,
    private readonly storage: Storage,
    private readonly onchange: () => void,
  ) {
    this.outbox = new Outbox(storage, `${this.key}:`);
    this.kept = this.load();
  }

  get online(): boolean {
    return this.connection?.online ?? false;
  }

  /** Whether there is something that only a connection can bring forward. */
  get begun(): boolean {
    return this.kept.token !== undefined || this.outbox.pending.length > 0;
  }

  start(): void {
    this.connection ??= new Connection(`${this.url.replace(/^http/, "ws")}socket`, this);
    this.connection.open();
  }

  /** Names the page's user. Another user than before gets nothing of the former one's. */
  identify(user: User): void {
    if (JSON.stringify(user) === JSON.stringify(this.user)) return;
    if (this.kept.user !== undefined && this.kept.user !== user.id) this.forget();
    this.become(user);
    if (user.id !== undefined) this.keep({ user: user.id });
    if (this.connection) this.connection.restart();
    else if (this.begun) this.start();
    this.onchange();
  }

  send(text: string, attachments: Uploaded[]): void {
    this.post({ id: uuid(), at: Date.now(), text, attachments });
    this.typed = 0;
  }

  press(button: Button): void {
    this.post({ id: uuid(), at: Date.now(), text: button.title, attachments: [], postback: button.postback ?? "" });
  }

  /** The visitor is writing, or has stopped. */
  write(on: boolean): void {
    const now = Date.now();
    if (on ? now - this.typed < TYPING_EVERY : this.typed === 0) return;
    this.typed = on ? now : 0;
    this.connection?.send({ type: "typing", on });
  }

  /** Everything that there is has come to the browser and, if `seen`, before somebody's eyes. */
  reach(seen: boolean): void {
    const entry = this.thread.newest?.id;
    if (!entry) return;
    const reached = seen ? "read" : "delivered";
    const mark = `${entry} ${reached}`;
    if (this.reached === mark || this.reached === `${entry} read`) return;
    if (this.connection?.send({ type: "reached", entry, reached })) this.reached = mark;
    if (seen) this.keep({ read: entry });
  }

  /**
   * Puts a file where a message can name it.
   * Fails with an Error whose message is the server's code, or `upload_failed`.
   */
  async upload(file: File): Promise<Uploaded> {
    const name = encodeURIComponent(file.name || "file");
    const answer = await fetch(`${this.url}attachments?name=${name}`, {
      method: "POST",
      headers: { authorization: `Bearer ${this.kept.token}`, "content-type": file.type || "application/octet-stream" },
      body: file,
    });
    const body = await answer.json();
    if (!answer.ok) throw new Error(body?.error?.code ?? "upload_failed");
    return body as Uploaded;
  }

  /** Something changed that only the screen must know. */
  refresh(): void {
    this.onchange();
  }

  /** Forgets the visitor: for when the page's user logs out. */
  shutdown(): void {
    this.connection?.stop();
    this.connection = undefined;
    this.outbox.clear();
    this.forget();
    this.onchange();
  }

  keep(more: Kept): void {
    this.kept = { ...this.kept, ...more };
    try {
      this.storage.setItem(this.key, JSON.stringify(this.kept));
    } catch {
      // Storage is full or forbidden: the visitor is known as long as the page lives.
    }
  }

  hello(): ClientFrame {
    const { token } = this.kept;
    const after = this.thread.cursor;
    return { type: "hello", ...(token && { token }), ...(this.user && { user: this.user }), ...(after && { after }) };
  }

  changed(online: boolean): void {
    if (online) {
      this.flush();
    } else {
      this.outbox.interrupted();
      this.typing = undefined;
    }
    this.onchange();
  }

  receive(frame: ServerFrame): void {
    switch (frame.type) {
      case "ready":
        this.keep({ token: frame.token });
        this.writing = "";
        this.thread.status = frame.status;
        break;
      case "entries":
        for (const entry of frame.entries) this.take(entry);
        this.flush();
        break;
      case "accepted":
        this.settle(frame.id, frame.entry);
        this.flush();
        break;
      case "error":
        this.fail(frame);
        break;
      case "status":
        this.thread.status = frame.status;
        break;
      case "typing":
        this.typing = frame.name;
        clearTimeout(this.typingEnd);
        this.typingEnd = setTimeout(() => {
          this.typing = undefined;
          this.onchange();
        }, TYPING_SHOWN);
        break;
      case "writing":
        this.writing = frame.text;
        this.typing = undefined;
        break;
      case "pong":
        return;
    }
    this.onchange();
  }

  private take(entry: Entry): void {
    this.thread.receive(entry);
    if (entry.author.type !== "customer") {
      this.typing = undefined;
      this.writing = "";
    }
    if (entry.message) this.outbox.accepted(entry.message);
  }

  private post(message: Pending): void {
    this.outbox.add(message);
    this.start();
    this.flush();
    this.onchange();
  }

  private flush(): void {
    if (!this.online || this.resting) return;
    const message = this.outbox.next();
    if (!message) return;
    const { id, text, attachments, postback } = message;
    const sent = this.connection?.send(
      postback === undefined
        ? { type: "message", id, text, attachments }
        : { type: "postback", id, value: postback, title: text },
    );
    if (!sent) this.outbox.interrupted();
  }

  /** Own words stay on the screen between the acknowledgement and the entry. */
  private settle(id: string, entry: string): void {
    const message = this.outbox.accepted(id);
    if (!message || this.thread.has(entry)) return;
    const attachments = message.attachments.map(({ name, media_type, size }) => ({ name, media_type, size, url: "" }));
    const at = new Date(message.at).toISOString();
    this.thread.put({ id: entry, at, author: { type: "customer" }, text: message.text, attachments, message: id });
  }

  private fail({ id, code, message, retry_after }: Extract<ServerFrame, { type: "error" }>): void {
    if (this.user && !id && !this.online) {
      // `hello` was refused for what the page says of its user: better an anonymous customer than none.
      console.error(`Switchboard: ${message}`);
      this.become(undefined);
      this.connection?.restart();
    } else if (id && retry_after !== undefined) {
      this.outbox.interrupted();
      clearTimeout(this.resting);
      this.resting = setTimeout(() => {
        this.resting = undefined;
        this.flush();
      }, retry_after * 1000);
    } else {
      console.warn(`Switchboard: ${message}`);
      if (id) {
        this.outbox.refused(id, code);
        this.flush();
      }
    }
  }

  private become(user: User | undefined): void {
    this.user = user;
    this.outbox.interrupted();
    this.outbox.user = user?.id;
    this.thread = new Thread();
    this.writing = "";
    this.reached = "";
  }

  private forget(): void {
    this.storage.removeItem(this.key);
    this.kept = {};
    this.become(undefined);
  }

  private get key(): string {
    return `switchboard:${this.url}`;
  }

  private load(): Kept {
    try {
      return (JSON.parse(this.storage.getItem(this.key) ?? "{}") as Kept | null) ?? {};
    } catch {
      return {};
    }
  }
}

/** Version 4; `crypto.randomUUID` exists on https pages only. */
function uuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
