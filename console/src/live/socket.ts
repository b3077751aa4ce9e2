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

const FIRST_MS = 500;
const LONGEST_MS = 10_000;
const PING_EVERY_MS = 25_000;
const PONG_WITHIN_MS = 10_000;

/** Milliseconds to wait before try `attempt` (0, 1, …): doubling up to 10 s, of which a `random` half is left away. */
export function backoff(attempt: number, random: number): number {
  const full = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempt, 16));
  return full / 2 + (full / 2) * random;
}

/** Connects, and keeps connecting until the function that it gives is called. */
export function connect(options: LiveOptions): () => void {
  let socket: WebSocket | undefined;
  let attempt = 0;
  let greeted = false;
  let stopped = false;
  let retry: number | undefined;
  let ping: number | undefined;
  let deadline: number | undefined;

  const quiet = () => {
    window.clearInterval(ping);
    window.clearTimeout(deadline);
    deadline = undefined;
  };

  const lost = () => {
    quiet();
    socket = undefined;
    if (stopped) return;
    options.onLost();
    if (!greeted) options.onRefused();
    greeted = false;
    window.clearTimeout(retry);
    retry = window.setTimeout(open, backoff(attempt++, Math.random()));
  };

  const received = (message: MessageEvent) => {
    window.clearTimeout(deadline);
    deadline = undefined;
    let event: LiveEvent;
    try {
      event = JSON.parse(String(message.data)) as LiveEvent;
    } catch {
      return;
    }
    if (event.type === "hello") {
      greeted = true;
      attempt = 0;
    }
    options.onEvent(event);
  };

  /** A connection that died without a word shows only by what does not come back. */
  const probe = (current: WebSocket) => {
    current.send('{"type":"ping"}');
    deadline ??= window.setTimeout(() => {
      current.onclose = null;
      current.close();
      lost();
    }, PONG_WITHIN_MS);
  };

  function open(): void {
    window.clearTimeout(retry);
    const current = new WebSocket(options.url);
    socket = current;
    current.onmessage = received;
    current.onclose = lost;
    current.onopen = () => {
      ping = window.setInterval(() => probe(current), PING_EVERY_MS);
    };
  }

  /** The network or the page came back: do not sit out the wait. */
  const hurry = () => {
    if (stopped || document.visibilityState === "hidden") return;
    if (!socket) {
      attempt = 0;
      open();
    } else if (socket.readyState === WebSocket.OPEN) probe(socket);
  };

  window.addEventListener("online", hurry);
  document.addEventListener("visibilitychange", hurry);
  open();

  return () => {
    stopped = true;
    quiet();
    window.clearTimeout(retry);
    window.removeEventListener("online", hurry);
    document.removeEventListener("visibilitychange", hurry);
    socket?.close();
  };
}
