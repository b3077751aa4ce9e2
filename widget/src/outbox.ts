/**
 * Messages that the server has not yet acknowledged. Kept in the browser's storage, one key each, so that neither a
 * reload nor a second tab loses one; sent again with the same id, so that none is doubled. One is under way at a
 * time, so that they arrive in order.
 */

import type { Uploaded } from "./protocol";

export interface Pending {
  /** A UUID: the message's id for good. */
  id: string;
  /** The page's user who wrote it, if the page has named one. */
  user?: string;
  /** Milliseconds since 1970, by this browser's clock. */
  at: number;
  text: string;
  attachments: Uploaded[];
  /** Set for a pressed button, whose title is `text`. */
  postback?: string;
  /** The code of a refusal that is final. */
  failed?: string;
}

export type Storage = Pick<globalThis.Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">;

export class Outbox {
  /** Whose messages may be sent now: nobody's words go out under another's name. */
  user: string | undefined;
  private all: Pending[];
  private underWay: string | undefined;

  constructor(
    private readonly storage: Storage,
    private readonly prefix: string,
  ) {
    this.all = stored(storage, prefix);
  }

  /** The present user's messages, oldest first. */
  get pending(): Pending[] {
    return this.all.filter((message) => message.user === this.user);
  }

  add(written: Omit<Pending, "user">): void {
    const message = this.user === undefined ? written : { ...written, user: this.user };
    this.all.push(message);
    this.keep(message);
  }

  /** The message to send now, which then is under way; none while another is. */
  next(): Pending | undefined {
    if (this.underWay) return undefined;
    const message = this.pending.find((pending) => !pending.failed);
    this.underWay = message?.id;
    return message;
  }

  /** It is durable at the server, by acknowledgement or because it came back as an entry. */
  accepted(id: string): Pending | undefined {
    const message = this.all.find((pending) => pending.id === id);
    this.remove(id);
    return message;
  }

  /** It was refused for good; a person decides. */
  refused(id: string, code: string): void {
    const message = this.all.find((pending) => pending.id === id);
    if (this.underWay === id) this.underWay = undefined;
    if (!message) return;
    message.failed = code;
    this.keep(message);
  }

  /** Nobody knows what became of what was under way: it is sent again. */
  interrupted(): void {
    this.underWay = undefined;
  }

  remove(id: string): void {
    if (this.underWay === id) this.underWay = undefined;
    this.all = this.all.filter((pending) => pending.id !== id);
    this.storage.removeItem(this.prefix + id);
  }

  /** Forgets everybody's. */
  clear(): void {
    for (const { id } of this.all) this.remove(id);
  }

  private keep(message: Pending): void {
    try {
      this.storage.setItem(this.prefix + message.id, JSON.stringify(message));
    } catch {
      // Storage is full or forbidden: the message lives as long as the page.
    }
  }
}

function stored(storage: Storage, prefix: string): Pending[] {
  const found: Pending[] = [];
  for (let index = 0; index < storage.length; index += 1) {
    const key = storage.key(index);
    if (!key?.startsWith(prefix)) continue;
    try {
      const message = JSON.parse(storage.getItem(key) ?? "") as Pending;
      if (typeof message.id === "string" && typeof message.text === "string") found.push(message);
    } catch {
      // Not ours, or cut short: nothing can be sent from it.
    }
  }
  return found.sort((a, b) => a.at - b.at);
}
