/** The socket: opens it, keeps it alive, opens it again. Knows frames as JSON and nothing of what they mean. */

import type { ClientFrame, ServerFrame } from "./protocol";

/** Milliseconds. */
const PING_EVERY = 30_000;
const PONG_WITHIN = 10_000;
const READY_WITHIN = 15_000;
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 30_000;

export interface Listener {
  /** The first frame of every connection. */
  hello(): ClientFrame;
  receive(frame: ServerFrame): void;
  /** Whether there is a connection that has been greeted. */
  changed(online: boolean): void;
}

/** How long to wait before the next attempt: doubled each time, and spread so that a crowd does not come at once. */
export function pause(attempt: number, random: number): number {
  return Math.min(FIRST_PAUSE * 2 ** attempt, LONGEST_PAUSE) * (0.5 + random / 2);
}

export class Connection {
  online = false;
  private socket: WebSocket | undefined;
  private attempt = 0;
  private again: ReturnType<typeof setTimeout> | undefined;
  private deadline: ReturnType<typeof setTimeout> | undefined;
  private readonly beat: ReturnType<typeof setInterval>;

  constructor(
    private readonly url: string,
    private readonly listener: Listener,
  ) {
    this.beat = setInterval(() => this.ping(), PING_EVERY);
    addEventListener("online", this.hurry);
    addEventListener("pageshow", this.hurry);
    document.addEventListener("visibilitychange", this.hurry);
  }

  /** Opens the socket, if it is not open already. */
  open(): void {
    clearTimeout(this.again);
    if (this.socket) return;
    let socket: WebSocket;
    try {
      socket = new WebSocket(this.url);
    } catch {
      this.later();
      return;
    }
    this.socket = socket;
    this.expect(READY_WITHIN);
    socket.onopen = () => socket.send(JSON.stringify(this.listener.hello()));
    socket.onmessage = (event) => this.hear(String(event.data));
    socket.onclose = () => this.drop(socket);
  }

  /** Whether the frame was handed to a connection. That it arrived, only an answer says. */
  send(frame: ClientFrame): boolean {
    if (!this.online || this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(frame));
    return true;
  }

  /** Hangs up and greets anew. */
  restart(): void {
    this.hangUp();
    this.open();
  }

  /** For good. */
  stop(): void {
    clearInterval(this.beat);
    removeEventListener("online", this.hurry);
    removeEventListener("pageshow", this.hurry);
    document.removeEventListener("visibilitychange", this.hurry);
    this.hangUp();
  }

  private hear(text: string): void {
    const frame = JSON.parse(text) as ServerFrame;
    if (frame.type === "ready") {
      this.attempt = 0;
      this.online = true;
    }
    if (this.online) clearTimeout(this.deadline);
    this.listener.receive(frame);
    if (frame.type === "ready") this.listener.changed(true);
  }

  private ping(): void {
    if (this.send({ type: "ping" })) this.expect(PONG_WITHIN);
  }

  /** Someone came back, or the network did: no reason to wait any longer. */
  private readonly hurry = (): void => {
    if (document.visibilityState === "hidden") return;
    if (this.socket) this.ping();
    else if (this.again) this.open();
  };

  private expect(within: number): void {
    clearTimeout(this.deadline);
    this.deadline = setTimeout(() => this.socket && this.drop(this.socket), within);
  }

  private drop(socket: WebSocket): void {
    if (socket !== this.socket) return;
    this.hangUp();
    this.later();
  }

  private later(): void {
    clearTimeout(this.again);
    this.again = setTimeout(() => this.open(), pause(this.attempt, Math.random()));
    this.attempt += 1;
  }

  private hangUp(): void {
    clearTimeout(this.again);
    clearTimeout(this.deadline);
    this.again = undefined;
    const socket = this.socket;
    this.socket = undefined;
    socket?.close();
    if (this.online) {
      this.online = false;
      this.listener.changed(false);
    }
  }
}
