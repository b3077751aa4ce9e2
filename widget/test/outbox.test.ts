import { beforeEach, expect, test } from "vitest";
import { Outbox, type Storage } from "../src/outbox";
import { pause } from "../src/connection";

class Memory extends Map<string, string> {
  get length(): number {
    return this.size;
  }
  key = (index: number): string | null => [...this.keys()][index] ?? null;
  getItem = (key: string): string | null => this.get(key) ?? null;
  setItem = (key: string, value: string): void => void this.set(key, value);
  removeItem = (key: string): void => void this.delete(key);
}

let memory: Memory;
const outbox = (storage: Storage = memory): Outbox => new Outbox(storage, "chat:");
const message = (id: string, at = 1) => ({ id, at, text: id, attachments: [] });

beforeEach(() => {
  memory = new Memory();
});

test("one message is under way at a time, in the order of writing", () => {
  const box = outbox();
  box.add(message("a"));
  box.add(message("b"));
  expect(box.next()?.id).toBe("a");
  expect(box.next()).toBeUndefined();
  box.accepted("a");
  expect(box.next()?.id).toBe("b");
});

test("what was under way when the connection broke is sent again with the same id", () => {
  const box = outbox();
  box.add(message("a"));
  box.next();
  box.interrupted();
  expect(box.next()?.id).toBe("a");
});

test("a reload loses nothing and keeps the order", () => {
  const before = outbox();
  before.add(message("late", 2));
  before.add(message("early", 1));
  before.add(message("gone", 3));
  before.accepted("gone");
  expect(outbox().pending.map(({ id }) => id)).toEqual(["early", "late"]);
});

test("two tabs do not overwrite each other", () => {
  const [one, two] = [outbox(), outbox()];
  one.add(message("a"));
  two.add(message("b", 2));
  expect(outbox().pending.map(({ id }) => id)).toEqual(["a", "b"]);
});

test("an acknowledgement that comes twice or for another tab's message does no harm", () => {
  const box = outbox();
  box.add(message("a"));
  expect(box.next()?.id).toBe("a");
  expect(box.accepted("b")).toBeUndefined();
  expect(box.next()).toBeUndefined();
  expect(box.accepted("a")?.id).toBe("a");
  expect(box.accepted("a")).toBeUndefined();
});

test("a refused message waits for its author, also after a reload, and the next one goes", () => {
  const box = outbox();
  box.add(message("a"));
  box.add(message("b", 2));
  box.next();
  box.refused("a", "too_long");
  expect(box.next()?.id).toBe("b");
  expect(outbox().pending[0]).toMatchObject({ id: "a", failed: "too_long" });
});

test("nobody's words are sent under another's name", () => {
  const box = outbox();
  box.user = "42";
  box.add(message("a"));
  box.user = undefined;
  expect([box.next(), box.pending]).toEqual([undefined, []]);
  const reloaded = outbox();
  reloaded.user = "42";
  expect(reloaded.next()?.id).toBe("a");
});

test("logging out forgets everybody's", () => {
  const box = outbox();
  box.add(message("a"));
  box.user = "42";
  box.add(message("b"));
  box.clear();
  expect(memory.size).toBe(0);
});

test("foreign and broken storage is passed over", () => {
  memory.set("other", "x").set("chat:1", "{").set("chat:2", "{}").set("chat:3", "null");
  expect(outbox().pending).toEqual([]);
  const full = outbox({ ...memory, length: 0, key: () => null, getItem: () => null, removeItem: () => {}, setItem: () => { throw new Error("full"); } });
  full.add(message("a"));
  expect(full.next()?.id).toBe("a");
});

test("attempts to connect come later and later, and never all at once", () => {
  expect([0, 1, 2].map((attempt) => pause(attempt, 1))).toEqual([500, 1000, 2000]);
  expect(pause(50, 1)).toBe(30_000);
  expect(pause(2, 0)).toBe(1000);
});
