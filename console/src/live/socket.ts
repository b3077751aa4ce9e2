/** The one WebSocket to the daemon. It comes back by itself; what it carries is `onEvent`'s business. */

import type { LiveEvent } from "../api/types";

export interface LiveOptions {
  url: string;
  onEvent(event: LiveEvent): void;
  /** The connection is gone and another try is due. */
  onLost(): void;
  /** A try failed before anything came: the session may be over. */
  onRefused(): void;
}

type Timer = ReturnType<typeof setTimeout>;

const FIRST_MS = 500;
const LONGEST_MS = 10_000;
const PING_EVERY_MS = 25_000;
const PONG_WITHIN_MS = 10_000;

/** Milliseconds to wait before try `attempt` (0, 1, …): doubling up to 10 s, of which a `random` half is left away. */
export function backoff(attempt: number, random: number): number {
  const full = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
  return full / 2 + (full / 2) * random;
}

/** Connects when made, and keeps connecting until it is closed. */
export class LiveConnection {
  private socket: WebSocket | undefined;
  private attempt = 0;
  private greeted = false;
  private closed = false;
  private retry: Timer | undefined;
  private ping: Timer | undefined;
  private deadline: Timer | undefined;

  constructor(private readonly options: LiveOptions) {
    window.addEventListener("online", this.hurry);
    document.addEventListener("visibilitychange", this.hurry);
    this.open();
  }

  close(): void {
    this.closed = true;
    this.quiet();
    clearTimeout(this.retry);
    window.removeEventListener("online", this.hurry);
    document.removeEventListener("visibilitychange", this.hurry);
    this.socket?.close();
  }

  private open(): void {
    clearTimeout(this.retry);
    const socket = new WebSocket(this.options.url);
    this.socket = socket;
    socket.onmessage = (message) => this.received(message);
    socket.onclose = () => this.lost();
    socket.onopen = () => {
      this.ping = setInterval(() => this.probe(socket), PING_EVERY_MS);
    };
  }

  private received(message: MessageEvent): void {
    clearTimeout(this.deadline);
    this.deadline = undefined;
    let event: LiveEvent;
    try {
      event = JSON.parse(String(message.data)) as LiveEvent;
    } catch {
      return;
    }
    if (event.type === "hello") {
      this.greeted = true;
      this.attempt = 0;
    }
    this.options.onEvent(event);
  }

  private lost(): void {
    this.quiet();
    this.socket = undefined;
    if (this.closed) return;
    this.options.onLost();
    if (!this.greeted) this.options.onRefused();
    this.greeted = false;
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this.open(), backoff(this.attempt++, Math.random()));
  }

  /** A connection that died without a word shows only by what does not come back. */
  private probe(socket: WebSocket): void {
    socket.send('{"type":"ping"}');
    this.deadline ??= setTimeout(() => {
      socket.onclose = null;
      socket.onmessage = null;
      socket.close();
      this.lost();
    }, PONG_WITHIN_MS);
  }

  /** The network or the page came back: do not sit out the wait. */
  private readonly hurry = (): void => {
    if (this.closed || document.visibilityState === "hidden") return;
    if (!this.socket) {
      this.attempt = 0;
      this.open();
    } else if (this.socket.readyState === WebSocket.OPEN) this.probe(this.socket);
  };

  private quiet(): void {
    clearInterval(this.ping);
    clearTimeout(this.deadline);
    this.deadline = undefined;
  }
}
