import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ClientFrame, Entry, ServerFrame } from "../src/protocol";
import { Session } from "../src/session";

/** The server's end of a socket, played by the test. */
class Socket {
  static all: Socket[] = [];
  static readonly OPEN = 1;
  readyState = 1;
  sent: ClientFrame[] = [];
  onopen?: () => void;
  onmessage?: (event: { data: string }) => void;
  onclose?: () => void;
  constructor(readonly url: string) {
    Socket.all.push(this);
  }
  send(text: string): void {
    this.sent.push(JSON.parse(text) as ClientFrame);
  }
  close(): void {
    this.readyState = 3;
  }
  say(frame: ServerFrame): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }
  greet(...entries: Entry[]): void {
    this.onopen?.();
    if (entries.length) this.say({ type: "entries", entries });
    this.say({ type: "ready", token: "v.mark", verified: false, status: { owner: "bot" } });
  }
  of(type: ClientFrame["type"]): ClientFrame[] {
    return this.sent.filter((frame) => frame.type === type);
  }
}

const kept = new Map<string, string>();
const storage = {
  get length() {
    return kept.size;
  },
  key: (index: number) => [...kept.keys()][index] ?? null,
  getItem: (key: string) => kept.get(key) ?? null,
  setItem: (key: string, value: string) => void kept.set(key, value),
  removeItem: (key: string) => void kept.delete(key),
};
const session = (): Session => new Session("https://chat.example/channels/shop/", storage, () => {});
const socket = (): Socket => Socket.all.at(-1)!;
const bot = (id: string): Entry => ({ id, at: "2026-11-23T06:00:00Z", author: { type: "bot" }, text: id });
const message = (index = 0): Extract<ClientFrame, { type: "message" }> => socket().of("message")[index] as never;

beforeEach(() => {
  kept.clear();
  Socket.all = [];
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", Socket);
  vi.stubGlobal("addEventListener", () => {});
  vi.stubGlobal("removeEventListener", () => {});
  vi.stubGlobal("document", { visibilityState: "visible", addEventListener: () => {}, removeEventListener: () => {} });
  vi.spyOn(console, "error").mockImplementation(() => {});
  vi.spyOn(console, "warn").mockImplementation(() => {});
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("a message is sent until it is accepted, always with the same id", () => {
  const chat = session();
  chat.send("hello", []);
  expect(socket().url).toBe("wss://chat.example/channels/shop/socket");
  socket().greet();
  const first = message();
  socket().onclose?.();
  vi.advanceTimersByTime(1_000);
  expect(Socket.all.length).toBe(2);
  socket().greet();
  expect(message()).toEqual(first);
  socket().say({ type: "accepted", id: first.id, entry: "ent_1" });
  expect([chat.outbox.pending.length, chat.thread.entries.map(({ text }) => text)]).toEqual([0, ["hello"]]);
});

test("a reloaded page sends what the one before could not", () => {
  session().send("before the reload", []);
  const chat = session();
  expect(chat.begun).toBe(true);
  chat.start();
  socket().greet();
  expect(message().text).toBe("before the reload");
});

test("what was accepted before the connection broke is not sent again", () => {
  const chat = session();
  chat.send("hello", []);
  socket().greet();
  const { id } = message();
  socket().onclose?.();
  vi.advanceTimersByTime(1_000);
  socket().greet({ ...bot("ent_1"), author: { type: "customer" }, text: "hello", message: id });
  expect([socket().of("message"), chat.outbox.pending, chat.thread.entries.length]).toEqual([[], [], 1]);
});

test("a connection resumes with the token and from the cursor", () => {
  const chat = session();
  chat.start();
  socket().greet(bot("ent_1"), bot("ent_2"));
  socket().onclose?.();
  vi.advanceTimersByTime(1_000);
  socket().greet(bot("ent_2"), bot("ent_3"));
  expect(socket().sent[0]).toEqual({ type: "hello", token: "v.mark", after: "ent_2" });
  expect(chat.thread.entries.map(({ id }) => id)).toEqual(["ent_1", "ent_2", "ent_3"]);
});

test("a message that came too early is sent again when it may be, before later ones", () => {
  const chat = session();
  chat.send("one", []);
  socket().greet();
  const one = message();
  socket().say({ type: "error", id: one.id, code: "too_fast", message: "", retry_after: 7 });
  chat.send("two", []);
  vi.advanceTimersByTime(6_900);
  expect(socket().of("message").length).toBe(1);
  vi.advanceTimersByTime(200);
  expect(message(1)).toEqual(one);
  socket().say({ type: "accepted", id: one.id, entry: "ent_1" });
  expect(message(2).text).toBe("two");
});

test("a message that is refused for good is kept for its author", () => {
  const chat = session();
  chat.send("one", []);
  socket().greet();
  socket().say({ type: "error", id: message().id, code: "too_long", message: "" });
  expect(chat.outbox.pending).toMatchObject([{ text: "one", failed: "too_long" }]);
});

test("a user nobody vouches for becomes an anonymous visitor, and is heard", () => {
  const chat = session();
  chat.identify({ id: "42", hash: "00" });
  chat.start();
  socket().onopen?.();
  expect(socket().sent[0]).toMatchObject({ user: { id: "42" } });
  socket().say({ type: "error", code: "identity_refused", message: "`user.hash` is not …" });
  socket().greet();
  expect(socket().sent[0]).toEqual({ type: "hello" });
  chat.send("help", []);
  expect(message().text).toBe("help");
});

test("another user of the same browser sees and sends nothing of the former one", () => {
  const chat = session();
  chat.identify({ id: "42", hash: "aa" });
  chat.start();
  socket().greet(bot("ent_1"));
  socket().readyState = 3;
  chat.send("mine", []);
  chat.identify({ id: "43", hash: "bb" });
  socket().greet();
  expect(socket().sent).toEqual([{ type: "hello", user: { id: "43", hash: "bb" } }]);
  expect(chat.thread.entries).toEqual([]);
});

test("logging out leaves nothing in the browser", () => {
  const chat = session();
  chat.identify({ id: "42", hash: "aa" });
  chat.send("mine", []);
  socket().greet();
  chat.shutdown();
  expect(kept.size).toBe(0);
  vi.advanceTimersByTime(600_000);
  expect(Socket.all.length).toBe(1);
});

test("a server that no longer answers is left, and another connection is tried", () => {
  const chat = session();
  chat.start();
  socket().greet();
  vi.advanceTimersByTime(30_000);
  expect(socket().of("ping").length).toBe(1);
  socket().say({ type: "pong" });
  vi.advanceTimersByTime(29_000);
  expect(chat.online).toBe(true);
  vi.advanceTimersByTime(11_000);
  expect(chat.online).toBe(false);
  vi.advanceTimersByTime(1_000);
  expect(Socket.all.length).toBe(2);
});

test("what has been seen is told once, and delivery before sight", () => {
  const chat = session();
  chat.start();
  socket().greet(bot("ent_1"));
  for (const seen of [false, false, true, true, false]) chat.reach(seen);
  expect(socket().of("reached")).toEqual([
    { type: "reached", entry: "ent_1", reached: "delivered" },
    { type: "reached", entry: "ent_1", reached: "read" },
  ]);
  expect(chat.thread.unread(chat.kept.read)).toEqual([]);
});

test("an answer is seen while it is written, and once when it is said", () => {
  const chat = session();
  chat.start();
  socket().greet();
  socket().say({ type: "writing", text: "Within 30" });
  socket().say({ type: "writing", text: "Within 30 days" });
  expect(chat.writing).toBe("Within 30 days");
  socket().say({ type: "entries", entries: [bot("ent_1")] });
  expect([chat.writing, chat.thread.newest?.id]).toEqual(["", "ent_1"]);
  socket().say({ type: "writing", text: "Half" });
  socket().greet();
  expect(chat.writing).toBe("");
});

test("typing is told at most every three seconds, and its end once", () => {
  const chat = session();
  chat.start();
  socket().greet();
  vi.setSystemTime(1_000_000);
  for (const on of [true, true, false, false]) chat.write(on);
  expect(socket().of("typing")).toEqual([{ type: "typing", on: true }, { type: "typing", on: false }]);
  chat.write(true);
  vi.advanceTimersByTime(3_100);
  chat.write(true);
  expect(socket().of("typing").length).toBe(4);
});
