import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { backoff, LiveConnection } from "./socket";

/** Stands in for the browser's WebSocket; the test is the daemon. */
class FakeSocket {
  static readonly OPEN = 1;
  static all: FakeSocket[] = [];
  readyState = 0;
  sent: string[] = [];
  onopen?: (() => void) | null;
  onmessage?: ((message: { data: string }) => void) | null;
  onclose?: (() => void) | null;

  constructor(readonly url: string) {
    FakeSocket.all.push(this);
  }

  accept(): void {
    this.readyState = FakeSocket.OPEN;
    this.onopen?.();
  }

  say(text: string): void {
    this.onmessage?.({ data: text });
  }

  send(text: string): void {
    this.sent.push(text);
  }

  close(): void {
    this.readyState = 3;
    this.onclose?.();
  }
}

const newest = () => FakeSocket.all.at(-1) as FakeSocket;
const hello = '{"type":"hello"}';
let heard: string[];
let live: LiveConnection;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", FakeSocket);
  vi.stubGlobal("window", new EventTarget());
  vi.stubGlobal("document", Object.assign(new EventTarget(), { visibilityState: "visible" }));
  FakeSocket.all = [];
  heard = [];
  live = new LiveConnection({
    url: "ws://daemon",
    onEvent: (event) => heard.push(event.type),
    onLost: () => heard.push("lost"),
    onRefused: () => heard.push("refused"),
  });
});

afterEach(() => {
  live.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("the live connection", () => {
  it("comes back after a loss, and tells a loss from a refusal", () => {
    newest().accept();
    newest().say(hello);
    newest().close();
    expect(heard).toEqual(["hello", "lost"]);
    vi.advanceTimersByTime(backoff(0, 1));
    expect(FakeSocket.all).toHaveLength(2);
    newest().close();
    expect(heard).toEqual(["hello", "lost", "lost", "refused"]);
  });

  it("waits longer each time, and starts over after a hello", () => {
    for (let attempt = 0; attempt < 6; attempt++) {
      newest().close();
      vi.advanceTimersByTime(backoff(attempt, 0) - 1);
      expect(FakeSocket.all).toHaveLength(attempt + 1);
      vi.advanceTimersByTime(backoff(attempt, 1));
      expect(FakeSocket.all).toHaveLength(attempt + 2);
    }
    newest().accept();
    newest().say(hello);
    newest().close();
    vi.advanceTimersByTime(backoff(0, 1));
    expect(FakeSocket.all).toHaveLength(8);
  });

  it("gives up a connection that does not answer its ping", () => {
    newest().accept();
    newest().say(hello);
    vi.advanceTimersByTime(25_000);
    expect(newest().sent).toEqual(['{"type":"ping"}']);
    vi.advanceTimersByTime(10_000);
    expect(heard).toEqual(["hello", "lost"]);
  });

  it("keeps one that answers", () => {
    newest().accept();
    newest().say(hello);
    for (let minute = 0; minute < 3; minute++) {
      vi.advanceTimersByTime(25_000);
      newest().say('{"type":"pong"}');
    }
    expect(FakeSocket.all).toHaveLength(1);
    expect(heard).not.toContain("lost");
  });

  it("tries at once when the network is back", () => {
    for (let attempt = 0; attempt < 5; attempt++) {
      newest().close();
      vi.advanceTimersByTime(20_000);
    }
    newest().close();
    const before = FakeSocket.all.length;
    window.dispatchEvent(new Event("online"));
    expect(FakeSocket.all).toHaveLength(before + 1);
    vi.advanceTimersByTime(60_000);
    expect(FakeSocket.all).toHaveLength(before + 1);
  });

  it("ignores what is no JSON, and stays closed once closed", () => {
    newest().accept();
    newest().say("<html>");
    live.close();
    vi.advanceTimersByTime(60_000);
    expect(heard).toEqual([]);
    expect(FakeSocket.all).toHaveLength(1);
  });
});
