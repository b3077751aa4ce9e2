import { expect, test } from "vitest";
import type { Author, Entry } from "../src/protocol";
import { choose, locale } from "../src/texts";
import { type Message, transcript } from "../src/transcript";

const noon = new Date(2026, 10, 23, 12).getTime();
const entry = (minute: number, author: Author, more: Partial<Entry> = {}): Entry =>
  ({ id: `ent_${String(minute).padStart(5, "0")}`, at: new Date(noon + minute * 60_000).toISOString(), author, text: "x", ...more });
const bot: Author = { type: "bot" };
const me: Author = { type: "customer" };
const shape = (entries: Entry[]): string[] =>
  transcript(entries, []).map((item) =>
    item.kind === "message" ? `${item.author.type}${item.first ? " first" : ""}${item.last ? " last" : ""}` : item.kind);

test("messages by one author within five minutes belong together", () => {
  expect(shape([entry(0, bot), entry(1, bot), entry(9, bot), entry(9, me)])).toEqual(
    ["day", "bot first", "bot last", "bot first last", "customer first last"]);
});

test("two agents are two, and what Switchboard says stands between", () => {
  const [ann, ben]: Author[] = [{ type: "agent", name: "Ann" }, { type: "agent", name: "Ben" }];
  expect(shape([entry(0, ann!), entry(1, ben!), entry(1, { type: "system" }), entry(2, ben!)])).toEqual(
    ["day", "agent first last", "agent first last", "notice", "agent first last"]);
});

test("every day has its line", () => {
  expect(shape([entry(0, bot), entry(24 * 60, bot)])).toEqual(["day", "bot first last", "day", "bot first last"]);
});

test("only the newest entry still offers its buttons; links stay", () => {
  const buttons = [{ title: "yes", postback: "y" }, { title: "more", url: "https://a.example" }];
  const shown = transcript([entry(0, bot, { buttons }), entry(1, bot, { buttons })], []) as Message[];
  expect(shown.slice(1).map((message) => message.buttons.length)).toEqual([1, 2]);
});

test("cards keep their buttons, and what Switchboard says with one is a message", () => {
  const cards = [{ title: "Scarf", buttons: [{ title: "Book this", postback: "say:Book the scarf" }] }];
  const shown = transcript([entry(0, bot, { cards }), entry(1, { type: "system" }, { cards }), entry(2, me)], []) as Message[];
  expect(shown.slice(1).map((message) => [message.kind, message.cards.length])).toEqual([["message", 1], ["message", 1], ["message", 0]]);
  expect(shown[1]!.cards[0]!.buttons).toHaveLength(1);
});

test("a message keeps its key from writing to arrival", () => {
  const pending = { id: "uuid", at: noon, text: "x", attachments: [] };
  const [, leaving] = transcript([], [pending]);
  const [, arrived] = transcript([entry(0, me, { message: "uuid" })], []);
  expect([leaving!.key, (leaving as Message).state, arrived!.key, (arrived as Message).state]).toEqual(
    ["uuid", "sending", "uuid", "sent"]);
});

test.each([
  [["zh"], "zh-CN"], [["zh-Hans-HK"], "zh-CN"], [["zh-TW"], "zh-TW"], [["zh-Hant"], "zh-TW"], [["zh-HK"], "zh-TW"],
  [["yue"], "zh-CN"], [["de", "zh-CN"], "zh-CN"], [["en-GB", "zh"], "en"], [["", null, undefined, "fr"], "en"],
])("%j is spoken to in %s", (tags, language) => expect(choose(...tags)).toBe(language));

test.each([
  ["en", ["zh-CN", "en-GB", "en-US"], "en-GB"], ["zh-TW", ["zh-HK"], "zh-HK"], ["en", ["de"], "en"],
] as const)("%s is written for a visitor of %j as %s", (language, own, expected) =>
  expect(locale(language, own)).toBe(expected));
