import { describe, expect, it } from "vitest";
import type { Agent, Entry, Queue } from "../api/types";
import { at, conversation, mei, message, reply, wordsIn } from "../store/samples";
import { colleaguesFor, queuesFor } from "./destinations";
import { eventText, firedText } from "./eventText";
import { sends } from "./keys";
import type { ComposerPress } from "./keys";
import { pieces, webAddress } from "./links";
import { rowsOf } from "./rows";

describe("a key in the composer", () => {
  const enter: ComposerPress = { key: "Enter", shiftKey: false, ctrlKey: false, metaKey: false, altKey: false, isComposing: false, keyCode: 13 };
  it.each<[string, Partial<ComposerPress>, boolean]>([
    ["Enter", {}, true],
    ["Shift+Enter", { shiftKey: true }, false],
    ["Alt+Enter", { altKey: true }, false],
    ["Ctrl+Enter", { ctrlKey: true }, true],
    ["⌘+Enter", { metaKey: true }, true],
    ["Enter that chooses a word", { isComposing: true }, false],
    ["Ctrl+Enter while composing", { ctrlKey: true, isComposing: true }, false],
    ["Enter that chooses a word in Safari", { keyCode: 229 }, false],
    ["another key", { key: "a", keyCode: 65 }, false],
  ])("%s", (_, change, expected) => {
    expect(sends({ ...enter, ...change })).toBe(expected);
  });
});

describe("links in foreign text", () => {
  it.each<[string, (string | [string, string])[]]>([
    ["no link", ["no link"]],
    ["see https://shop.example/a?b=1.", ["see ", ["https://shop.example/a?b=1", "https://shop.example/a?b=1"], "."]],
    ["(http://a.example)", ["(", ["http://a.example", "http://a.example/"], ")"]],
    ["请看https://a.example/b。谢谢", ["请看", ["https://a.example/b", "https://a.example/b"], "。谢谢"]],
    ["javascript:alert(1) data:text/html,x", ["javascript:alert(1) data:text/html,x"]],
    ["https://", ["https://"]],
    ["https://a.example/\u202egpj.exe", [["https://a.example/", "https://a.example/"], "\u202egpj.exe"]],
    ['https://a.example/"><script>', [["https://a.example/", "https://a.example/"], '"><script>']],
  ])("%s", (said, expected) => {
    expect(pieces(said).map((piece) => (piece.href ? [piece.text, piece.href] : piece.text))).toEqual(expected);
  });

  it("lose no text, however long", () => {
    const said = `${"x ".repeat(30_000)}https://a.example`;
    expect(pieces(said).map((piece) => piece.text).join("")).toBe(said);
  });

  it.each(["javascript:alert(1)", "JAVASCRIPT:alert(1)", "data:text/html,x", "//a.example", "file:///etc/passwd", ""])("%s is no web address", (address) => {
    expect(webAddress(address)).toBeUndefined();
  });
});

describe("the rows of a journal", () => {
  const event = (id: string, n: number): Entry => ({ id, at: at(n), conversation: "cnv_1", kind: "event", author: { type: "system" }, event: { type: "opened" } });
  const shape = (entries: Entry[]) => rowsOf(entries).map((row) => (row.type === "entry" ? `${row.entry.id}${row.follows ? "+" : ""}` : row.type === "day" ? "day" : `fold:${row.entries.map((entry) => entry.id).join("")}`));

  it.each<[string, Entry[], string[]]>([
    ["nothing", [], []],
    ["one author goes on", [message("a", 0), message("b", 60)], ["day", "a", "b+"]],
    ["the same author later", [message("a", 0), message("b", 400)], ["day", "a", "b"]],
    ["another author", [message("a", 0), reply("b", "x")], ["day", "a", "b"]],
    ["what was decided twice by itself", [message("a", 0, { kind: "refined" }), message("b", 1, { kind: "refined" })], ["day", "a", "b"]],
    ["what time brought about twice", [message("a", 0, { kind: "fired" }), message("b", 1, { kind: "fired" })], ["day", "a", "b"]],
    ["a new day", [message("a", 0), message("b", 86_400 * 2)], ["day", "a", "day", "b"]],
    ["a few events", ["a", "b", "c", "d", "e"].map(event), ["day", "a", "b", "c", "d", "e"]],
    ["many events", ["a", "b", "c", "d", "e", "f", "g"].map(event), ["day", "a", "fold:bcde", "f", "g"]],
    ["many events before a message", [...["a", "b", "c", "d", "e", "f"].map(event), message("m", 9)], ["day", "a", "fold:bcd", "e", "f", "m"]],
  ])("%s", (_, entries, expected) => {
    expect(shape(entries)).toEqual(expected);
  });

  const said = message("m", 0, { external_id: "1", content: "message" });
  const edit = message("e", 1, { external_id: "2", content: "edit", about: "1" });
  const better = message("f", 2, { external_id: "3", content: "edit", about: "1" });
  const gone = message("d", 3, { external_id: "4", content: "delete", about: "1" });
  it.each<[string, Entry[], string[]]>([
    ["a change is shown where the message is", [said, edit], ["m now e", "e shown"]],
    ["the newest change counts", [said, edit, better, gone], ["m now d", "e shown", "f shown", "d shown"]],
    ["a change of what is not loaded stands alone", [edit], ["e"]],
    ["a reaction changes nothing", [said, { ...edit, content: "reaction" }], ["m", "e"]],
    ["another conversation's message is not meant", [{ ...said, conversation: "cnv_2" }, edit], ["m", "e"]],
    ["a reply of the same id is not meant", [reply("r", "x", { external_id: "1" }), edit], ["r", "e"]],
  ])("%s", (_, entries, expected) => {
    const rows = rowsOf(entries).flatMap((row) => (row.type === "entry" ? [row] : []));
    expect(rows.map(({ entry, change }) => `${entry.id}${change?.now ? ` now ${change.now.id}` : ""}${change?.shown ? " shown" : ""}`)).toEqual(expected);
  });
});

describe("an event", () => {
  const names = { agent: (id: string) => (id === "agt_1" ? "Mei" : id), queue: (name: string) => name.toUpperCase() };
  it.each<[NonNullable<Entry["event"]>, string]>([
    [{ type: "queued", queue: "care", reason: "asked", priority: "high" }, "Queued in CARE, priority High: asked"],
    [{ type: "related", conversation: "cnv_1" }, "The writer answers in another conversation, in which they have no part: cnv_1"],
    [{ type: "accepted", agent: "agt_1" }, "Mei accepted"],
    [{ type: "closed", by: "nobody known" }, "Closed by nobody known"],
    [{ type: "taken_back", agent: "agt_1" }, "Mei did not reply; it waits again"],
    [{ type: "escalated", after: 120, queue: "care", priority: null }, "Waited 2 minutes: moved to CARE"],
    [{ type: "escalated", after: 60, queue: null, priority: "urgent" }, "Waited 1 minute: now priority Urgent"],
    [{ type: "escalated", after: 90, queue: "care", priority: "high" }, "Waited 1 minute, 30 seconds: moved to CARE, now priority High"],
    [{ type: "transferred", by: "Ann", queue: "care", agent: null }, "Transferred to CARE by Ann"],
    [{ type: "transferred", by: "Ann", queue: "care", agent: "agt_1" }, "Transferred to Mei by Ann"],
    [{ type: "taken_over", by: "Mei", agent: "agt_1" }, "Mei took over"],
    [{ type: "taken_over", by: "Ann", agent: "agt_1" }, "Given to Mei by Ann"],
    [{ type: "tagged", add: ["a", "b"], remove: [], by: "agt_1" }, "Mei added a, b"],
    [{ type: "tagged", add: ["a"], remove: ["b"], by: "agt_1" }, "Mei added a and removed b"],
    [{ type: "action_begun", action: "order-status" }, "The bot began order-status"],
    [{ type: "action_called", action: "order-status", outcome: "404" }, "A business system was called for order-status: 404"],
    [{ type: "satisfaction_asked", template: "how" }, "The customer was asked how it was"],
    [{ type: "rated", rating: 4 }, "The customer rated 4 of 5"],
    [{ type: "rated", rating: 2, instead: 4, comment: "slow" }, "The customer rated 2 of 5 instead of 4: “slow”"],
    [{ type: "action_ended", action: "order-status", how: "not_understood" }, "order-status ended: the customer was not understood"],
    [{ type: "action_ended", action: "order-status", how: "status_500" }, "order-status ended: status_500"],
    [{ type: "verification_asked", by: "mail", to: "l•••@a.example" }, "The customer was asked for a code; where somebody has l•••@a.example, it went there over mail"],
    [{ type: "verification_passed", by: "link", to: "l•••@a.example" }, "The customer proved with a link that l•••@a.example is theirs"],
    [{ type: "verification_failed", how: "tries", to: "l•••@a.example" }, "Too many wrong codes for l•••@a.example: it is not known who the customer is"],
    [{ type: "ticket_given", number: 10023 }, "Ticket #10023"],
    [
      { type: "model_thought", of: "msg_1", persona: "care", model: "m", how: "steps", steps: 6, tokens: 900, millis: 9, micros: 10_400, currency: "USD" },
      "The model m was asked as care, 6 times: it did not come to an end. 900 tokens, 0.0104 USD",
    ],
    [
      { type: "model_thought", of: "msg_1", persona: "care", model: "m", how: "answered", steps: 1, tokens: 90, millis: 9 },
      "The model m was asked as care: it answered. 90 tokens",
    ],
    [
      { type: "summarised", by: "Ann", language: "en", of: "9", persona: "", model: "m", how: "link", steps: 1, tokens: 90, millis: 9 },
      "Ann had the model m summarise the conversation: it named a link of its own. 90 tokens",
    ],
  ])("%j", (event, expected) => {
    expect(eventText(event, wordsIn("en"), names)).toBe(expected);
  });
});

describe("what time brought about", () => {
  it.each<[Pick<Entry, "on" | "after">, string, string]>([
    [{ on: "waiting", after: 120 }, "Waited 2 minutes", "已等待2分钟"],
    [{ on: "idle", after: 600 }, "Nobody wrote for 10 minutes", "10分钟内没有新消息"],
    [{ on: "closed", after: 60 }, "1 minute after closing", "对话已关闭1分钟"],
    [{ on: "closed", after: 0 }, "After closing", "对话关闭后"],
    [{ on: "sla_risk", after: 30 }, "A promise is at risk", "即将超出承诺时限"],
  ])("%j", (entry, english, chinese) => {
    expect(firedText(entry, wordsIn("en"))).toBe(english);
    expect(firedText(entry, wordsIn("zh"))).toBe(chinese);
  });
});

describe("a transfer can go", () => {
  const agent = (id: string, change: Partial<Agent> = {}): Agent => ({ ...mei, id, name: id, ...change });
  const agents = [agent("off", { presence: "offline" }), agent("away", { presence: "away" }), agent("zoe"), agent("bob"), agent("gone", { active: false }), agent("me"), agent("ann")];
  const theirs = conversation("cnv_1", { agent: { id: "ann", name: "Ann" }, queue: "care" });

  it("to active colleagues, those who are there first", () => {
    expect(colleaguesFor(theirs, agents, "me").map(({ id }) => id)).toEqual(["bob", "zoe", "away", "off"]);
  });

  it.each([
    ["agent", ["care", "sales"]],
    ["queue", ["sales"]],
  ] as const)("to queues, from %s", (owner, expected) => {
    const queue = (name: string): Queue => ({ name, title: {}, waiting: 0, longest_wait: 0, agents_online: 0, agents_free: 0 });
    expect(queuesFor({ ...theirs, owner }, ["care", "sales"].map(queue)).map(({ name }) => name)).toEqual(expected);
  });
});
