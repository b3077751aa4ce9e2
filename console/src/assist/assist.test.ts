import { describe, expect, it } from "vitest";
import type { Field, Recap, Value } from "../api/assist";
import { ApiError } from "../api/client";
import type { Entry } from "../api/types";
import { text } from "../i18n/format";
import type { Language, Values } from "../i18n/format";
import type { Key } from "../i18n/en";
import { withSuggestion } from "../store/drafts";
import type { Draft } from "../store/drafts";
import { askable, latest, unsummarised } from "./summarised";
import { actedIn, choiceKey, choiceOf, fieldText, givenOf, outputText, withValue } from "./form";

const field = (name: string, change: Partial<Field> = {}): Field => ({ name, title: name, type: "text", ask: `${name}?`, ...change });

describe("a form", () => {
  it("begins with what is known", () => {
    expect(givenOf([field("order", { value: "A10023" }), field("note"), field("count", { value: 0 })])).toEqual({ order: "A10023", count: 0 });
  });

  it("takes a value, and forgets one that is emptied", () => {
    expect(withValue({ order: "A1" }, "day", "2026-12-03")).toEqual({ order: "A1", day: "2026-12-03" });
    expect(withValue({ order: "A1", day: "2026-12-03" }, "day", "")).toEqual({ order: "A1" });
  });

  it.each<[Field["type"], Value | undefined, string]>([
    ["text", "A1", "A1"],
    ["text", undefined, ""],
    ["number", 12, "12"],
    ["date", "2026-12-03", "2026-12-03"],
    ["moment", "2026-12-03T15:00:00+08:00", "2026-12-03T15:00"],
    ["moment", "tomorrow at three", "tomorrow at three"],
  ])("shows a %s of %j as %j", (type, value, text) => {
    expect(fieldText(type, value)).toBe(text);
  });

  it("gives a choice as the system offered it", () => {
    const size = field("size", { type: "choice", choices: [{ value: 42, title: "EU 42" }, { value: "42", title: "UK 42" }] });
    expect(choiceOf(size, choiceKey(42))).toBe(42);
    expect(choiceOf(size, choiceKey("42"))).toBe("42");
    expect(choiceOf(size, "")).toBe("");
  });
});

describe("what came of actions", () => {
  const acted = (id: string): Entry => ({ id, at: "2026-12-01T10:00:00Z", conversation: "c", kind: "event", author: { type: "agent", name: "Ann" }, event: { type: "agent_acted", action: "book", by: "Ann", outcome: "201", how: "done" } });
  it("is shown newest first, and not all of it", () => {
    const opened: Entry = { ...acted("1"), event: { type: "opened" } };
    expect(actedIn([opened, acted("2"), acted("3"), acted("4")], 2).map(({ id }) => id)).toEqual(["4", "3"]);
  });

  it.each<[Value, string]>([
    ["Shipped", "Shipped"],
    [12, "12"],
    [null, "–"],
    [{ name: "Scarf", price: 3 }, "name: Scarf, price: 3"],
    [[{ name: "Scarf" }, { name: "Hat" }], "name: Scarf\nname: Hat"],
  ])("%j reads %j", (value, text) => {
    expect(outputText(value)).toBe(text);
  });
});

describe("a suggestion", () => {
  const blank: Draft = { kind: "note", text: { reply: "", note: "call back" }, attachments: [] };
  const source = { file: "returns.en.md", question: "How do I return an item?", score: 0.8 };
  it("becomes the reply, and leaves the note alone", () => {
    expect(withSuggestion(blank, "Within 30 days.", source)).toEqual({ ...blank, kind: "reply", text: { reply: "Within 30 days.", note: "call back" }, source });
  });
  it("goes behind what is written already", () => {
    const written = { ...blank, text: { reply: "Hello Emma, ", note: "" }, source };
    expect(withSuggestion(written, "Within 30 days.")).toMatchObject({ text: { reply: "Hello Emma,\n\nWithin 30 days." }, source });
  });
});

describe("a summary of a model's", () => {
  const recap = (minute: number, current = true): Recap => ({ text: `At ${minute}.`, by: "Ann", at: `2026-12-01T10:0${minute}:00Z`, current });
  it.each<[boolean, Recap | undefined, Key | undefined]>([
    [false, undefined, undefined],
    [false, recap(1, false), undefined],
    [true, undefined, "assist.summarise"],
    [true, recap(1), undefined],
    [true, recap(1, false), "assist.summarise_again"],
  ])("where it may be asked for is %j and there is %j: the button is %j", (may_summarise, there, button) => {
    expect(askable({ may_summarise }, there)).toBe(button);
  });

  it("is the newer one, and the daemon's word on whether it is current", () => {
    expect(latest(undefined, undefined)).toBeUndefined();
    expect(latest(recap(1), undefined)).toEqual(recap(1));
    expect(latest(recap(1), recap(2))).toEqual(recap(2));
    expect(latest(recap(2, false), recap(2))).toEqual(recap(2, false));
  });

  it.each<[Language, unknown, string]>([
    ["en", new ApiError(503, "down", "…"), "The model wrote no summary: its server does not work. The lines below stand."],
    ["zh", new ApiError(429, "budget", "…"), "模型没有生成摘要：预算已用完。下方的对话摘要不受影响。"],
    ["en", new ApiError(0, "unreachable", ""), "The model wrote no summary: complaint. The lines below stand."],
  ])("in %s is not there because of %j", (language, failure, said) => {
    const t = (key: Key, values?: Values) => text(language, key, values);
    expect(unsummarised(failure, { t }, () => "complaint")).toBe(said);
  });
});
