import { describe, expect, it } from "vitest";
import type { Moved, RuleBrief } from "../api/admin";
import type { ReachedRule } from "../api/types";
import { at, wordsIn } from "../store/samples";
import { asked, filtersOf, kept, localOf, momentOf } from "./decisions/filters";
import type { Filters } from "./decisions/filters";
import { blank, givenOf, triggerOf, triggersOf } from "./playground/given";
import { marksOf } from "./playground/marks";
import { moves, saidText, stays } from "./rules/report";
import { around, excerpt, linesOf, tones } from "./rules/source";
import type { Mark } from "./rules/source";
import { matching, triggerText } from "./rules/triggers";

const rule = (name: string, change: Partial<RuleBrief> = {}): RuleBrief => ({ name, file: "20-people.yaml", line: 4, last_line: 9, on: "message", hits: 0, ...change });

describe("the lines of a file", () => {
  const mark = (from: number, to: number): Mark => ({ from, to, tone: "tried" });
  it.each<[string, string[]]>([
    ["a\nb\n", ["a", "b"]],
    ["a\n\n", ["a", ""]],
    ["", [""]],
  ])("%j", (text, expected) => {
    expect(linesOf(text)).toEqual(expected);
  });

  it.each<[string, Mark[], [number, number][]]>([
    ["none without a mark", [], []],
    ["some around a mark", [mark(10, 12)], [[8, 14]]],
    ["not beyond the file", [mark(1, 2), mark(49, 50)], [[1, 4], [47, 50]]],
    ["joined where they touch", [mark(20, 20), mark(10, 15)], [[8, 22]]],
    ["of a mark that the file does not have", [mark(90, 99)], []],
  ])("shown are %s", (_, marks, expected) => {
    expect(excerpt(50, marks, 2).map(({ from, to }) => [from, to])).toEqual(expected);
  });

  it("have the tone of the last mark on them", () => {
    expect([...tones([{ from: 1, to: 3, tone: "tried" }, { from: 3, to: 4, tone: "hit" }])]).toEqual([[1, "tried"], [2, "tried"], [3, "hit"], [4, "hit"]]);
  });

  it.each([
    [10, 5, 100, [1, 10]],
    [1_000, 500, 100, [450, 549]],
    [1_000, 1, 100, [1, 100]],
    [1_000, 1_000, 100, [901, 1_000]],
  ])("of %d around %d at most %d", (count, aim, most, expected) => {
    const { from, to } = around(count, aim, most);
    expect([from, to]).toEqual(expected);
  });
});

describe("rules", () => {
  const rules = [rule("angry customers reach a person"), rule("要找真人的客户", { file: "30.yaml" }), rule("nobody answers", { on: "waiting", after: 120 })];
  it.each([
    ["", 3],
    ["ANGRY person", 1],
    ["真人", 1],
    ["30.yaml", 1],
    ["waited 2 minutes", 1],
    ["waiting", 1],
    ["angry 30.yaml", 0],
  ])("that have “%s”: %d", (wanted, expected) => {
    expect(matching(rules, wanted, wordsIn("en"))).toHaveLength(expected);
  });

  it.each([
    [rule("r"), "Message", "客户消息"],
    [rule("r", { on: "waiting", after: 90 }), "Waited 1 minute, 30 seconds", "已等待1分钟30秒"],
    [rule("r", { on: "closed", after: 0 }), "After closing", "对话关闭后"],
  ])("run on %j", (each, english, chinese) => {
    expect(triggerText(each, wordsIn("en"))).toBe(english);
    expect(triggerText(each, wordsIn("zh"))).toBe(chinese);
  });
});

describe("a report", () => {
  const all: Moved[] = [
    { before: "answer", after: "answer", messages: 5 },
    { before: "answer", after: "handoff care", messages: 2 },
    { before: "ignore", after: "ignore", messages: 1 },
  ];
  it("shows what moves, and counts what stays", () => {
    expect(moves(all)).toEqual([all[1]]);
    expect(stays(all)).toBe(6);
  });
});

describe("what was and would be", () => {
  it.each([
    ["destination", "handoff care", "转人工（care）"],
    ["priority", "urgent", "紧急"],
    ["confidence", "its own", "默认要求"],
    ["skills", "none", "无"],
    ["rule", "", "无"],
    ["actions", "tag vip", "tag vip"],
  ] as const)("%s %s", (what, value, expected) => {
    expect(saidText(what, value, wordsIn("zh"), (name) => name)).toBe(expected);
  });
});

describe("the filters of decisions", () => {
  it.each<Filters>([
    { rule: undefined, queue: undefined, channel: undefined, time: "day", since: undefined, until: undefined },
    { rule: "要找真人", queue: "care", channel: "http", time: "hour", since: undefined, until: undefined },
    { rule: undefined, queue: undefined, channel: undefined, time: "custom", since: at(0), until: at(60) },
  ])("%j come back from the address", (filters) => {
    const view = Object.fromEntries(Object.entries(kept(filters)).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
    expect(filtersOf(view)).toEqual(filters);
  });

  it("forget moments that do not count", () => {
    expect(kept({ time: "week", since: at(0), until: at(60) })).toEqual({ time: "week", since: undefined, until: undefined });
  });

  it("are what they can be, whatever the address says", () => {
    expect(filtersOf({ time: "nonsense", since: "soon" })).toMatchObject({ time: "day", since: undefined });
  });

  it.each<[Partial<Filters>, Record<string, string | undefined>]>([
    [{ time: "hour", rule: "r" }, { rule: "r", since: at(0) }],
    [{ time: "custom", since: at(5) }, { since: at(5), until: undefined }],
  ])("%j ask for %j", (filters, expected) => {
    expect(asked({ time: "day", ...filters }, Date.parse(at(3_600)))).toEqual(expected);
  });

  it("have their moments in the reader's time zone", () => {
    expect(momentOf(localOf(at(120)))).toBe(at(120));
    expect([localOf(undefined), momentOf("")]).toEqual(["", undefined]);
  });
});

describe("a message that is tried", () => {
  it.each<[string, Partial<typeof blank>, unknown]>([
    ["says only what was chosen", { text: "hi" }, { message: { text: "hi", kind: "webchat" }, conversation: { owner: "bot", bot_turns: 0, bot_misses: 0 } }],
    [
      "waits in a queue",
      { text: "还要等多久", channel: " shop ", owner: "queue", queue: "care", tags: ["vip"], bot_misses: 1 },
      { message: { text: "还要等多久", kind: "webchat", channel: "shop" }, conversation: { owner: "queue", queue: "care", bot_turns: 0, bot_misses: 1, tags: ["vip"] } },
    ],
    ["was followed by time", { on: "waiting 120", time: at(0) }, { message: { text: "", kind: "webchat" }, conversation: { owner: "bot", bot_turns: 0, bot_misses: 0 }, on: "waiting", after: 120, now: { time: at(0) } }],
    ["knows no queue where it does not wait", { queue: "care" }, { message: { text: "", kind: "webchat" }, conversation: { owner: "bot", bot_turns: 0, bot_misses: 0 } }],
  ])("%s", (_, change, expected) => {
    expect(givenOf({ ...blank, ...change })).toEqual(expected);
  });

  it("can run whatever the rules run on, each once", () => {
    const on = triggersOf([rule("a"), rule("b", { on: "agent_message" }), rule("c", { on: "waiting", after: 120 }), rule("d", { on: "waiting", after: 120 }), rule("e", { on: "sla_risk" })]);
    expect(on).toEqual(["message", "signals", "waiting 120", "sla_risk"]);
    expect(on.map(triggerOf)).toEqual([{ on: "message" }, { on: "signals" }, { on: "waiting", after: 120 }, { on: "sla_risk" }]);
  });

  it("marks the lines of the rules that it reached", () => {
    const reached = (file: string, line: number, matched: boolean, last_line?: number): ReachedRule => ({ name: "r", file, line, matched, values: [], actions: [], ...(last_line === undefined ? {} : { last_line }) });
    const marks = marksOf([reached("a", 1, false, 3), reached("b", 5, false), reached("a", 9, true, 12), reached("b", 7, false, 0)]);
    expect([...marks]).toEqual([
      ["a", [{ from: 1, to: 3, tone: "tried" }, { from: 9, to: 12, tone: "hit" }]],
      ["b", [{ from: 5, to: 5, tone: "tried" }, { from: 7, to: 7, tone: "tried" }]],
    ]);
  });
});
