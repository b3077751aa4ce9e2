import { expect, test } from "vitest";
import type { Author, Entry } from "../src/protocol";
import { Thread } from "../src/thread";

const entry = (id: string, type: Author["type"] = "bot"): Entry =>
  ({ id, at: "2026-11-23T06:00:00Z", author: { type, name: "Ann" } as Author, text: id });
const ids = (thread: Thread): string[] => thread.entries.map(({ id }) => id);

test("entries are shown once and in order, however they come", () => {
  const thread = new Thread();
  const news = ["ent_2", "ent_3", "ent_1", "ent_3", "ent_2"].map((id) => thread.receive(entry(id)));
  expect(ids(thread)).toEqual(["ent_1", "ent_2", "ent_3"]);
  expect(news).toEqual([true, true, true, false, false]);
});

test("the cursor is the newest that the server sent, and never goes back", () => {
  const thread = new Thread();
  thread.receive(entry("ent_5"));
  thread.receive(entry("ent_3"));
  thread.put(entry("ent_9", "customer"));
  expect(thread.cursor).toBe("ent_5");
});

test("what the server sends of an own message replaces what was shown before", () => {
  const thread = new Thread();
  thread.put({ ...entry("ent_1", "customer"), text: "draft" });
  thread.receive({ ...entry("ent_1", "customer"), text: "cleaned" });
  expect(thread.entries).toMatchObject([{ id: "ent_1", text: "cleaned" }]);
});

test("unread are the company's entries after the one that was read", () => {
  const thread = new Thread();
  thread.receive(entry("ent_1"));
  thread.receive(entry("ent_2", "customer"));
  thread.receive(entry("ent_3", "agent"));
  expect(thread.unread(undefined).length).toBe(2);
  expect(thread.unread("ent_1").map(({ id }) => id)).toEqual(["ent_3"]);
  expect(thread.newest?.id).toBe("ent_3");
});
