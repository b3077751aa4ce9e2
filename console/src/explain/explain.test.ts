import { describe, expect, it } from "vitest";
import type { Hindrance, Standing } from "../api/admin";
import type { ReachedRule } from "../api/types";
import { at, wordsIn } from "../store/samples";
import { destinationText, ledText, outcomeText } from "./destination";
import { couldTake, standingText } from "./standing";

const queue = (name: string) => name.toUpperCase();
const now = Date.parse(at(0));
const say = (standing: Standing, language: "en" | "zh") => standingText(standing, { ...wordsIn(language), queue, now });
const clock = new Date(at(600)).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
const mei = { id: "agt_mei", name: "Mei" };

describe("how an agent stands to a conversation", () => {
  it.each<[Standing, string, string]>([
    [{ type: "not_waiting" }, "It waits in no queue.", "此对话未在任何队列中等待。"],
    [{ type: "not_waiting", held_by: mei }, "It is with Mei.", "此对话由 Mei 负责。"],
    [{ type: "offered", until: at(600) }, `It is offered to them until ${clock}.`, `已分配给该客服，等待回应至 ${clock}。`],
    [
      { type: "offered_to", agent: mei, until: at(600), chosen: "previous_agent" },
      `They could take it, but until ${clock} it is offered to Mei, who had it before.`,
      `可以接手，但在 ${clock} 之前已分配给 Mei：之前由其负责。`,
    ],
    [{ type: "hindered", hindrances: [] }, "Nothing stands in the way.", "没有任何妨碍。"],
  ])("%j", (standing, english, chinese) => {
    expect(say(standing, "en")).toEqual([english]);
    expect(say(standing, "zh")).toEqual([chinese]);
  });

  it.each<[Hindrance, string]>([
    [{ type: "unknown" }, "The desk does not know them."],
    [{ type: "inactive" }, "Their account is not active."],
    [{ type: "not_online", presence: "away" }, "They are away."],
    [{ type: "not_online", presence: "offline" }, "They are offline."],
    [{ type: "not_member", queue: "care" }, "They do not serve the queue CARE."],
    [{ type: "skill", skill: "lang-zh", needs: 4, has: 0 }, "It asks for lang-zh at level 4, which they do not have."],
    [{ type: "skill", skill: "lang-zh", needs: 4, has: 2 }, "It asks for lang-zh at level 4; they have level 2."],
    [{ type: "capacity", load: 90, capacity: 100, weight: 25 }, "It weighs 25, and 90 of their capacity of 100 is in use."],
    [{ type: "cap", kind: "email", cap: 2 }, "They have 2 conversations of the kind email, and may have no more."],
    [{ type: "reserved", agent: mei, until: at(600) }, `It is kept for Mei until ${clock}.`],
    [{ type: "closed" }, "Its queue is closed."],
    [{ type: "closed", until: at(600) }, `Its queue is closed until ${clock}.`],
    [{ type: "cooling_down", until: at(600) }, `They declined it or let it expire; it is not offered to them again before ${clock}.`],
  ])("%j", (hindrance, expected) => {
    expect(say({ type: "hindered", hindrances: [hindrance] }, "en")).toEqual([expected]);
    expect(say({ type: "hindered", hindrances: [hindrance] }, "zh").join()).toMatch(/^[^{}]+。$/);
  });

  it.each<[boolean, Standing, boolean]>([
    [true, { type: "offered", until: at(9) }, true],
    [false, { type: "hindered", hindrances: [] }, true],
    [false, { type: "hindered", hindrances: [{ type: "inactive" }] }, false],
    [false, { type: "not_waiting" }, false],
  ])("fits %s, %j", (fits, standing, expected) => {
    expect(couldTake({ fits, standing })).toBe(expected);
  });
});

describe("where a decision led", () => {
  it.each([
    ["handoff care", "handed to CARE", "转人工（CARE）"],
    ["answer", "the bot answers", "由机器人回答"],
    ["do order-status", "the action order-status", "开始动作“order-status”"],
    ["close", "closed", "关闭对话"],
    ["ignore", "left as it is", "不作处理"],
    ["to its agent", "to its agent", "交给负责的客服"],
    ["stays where it is", "stays where it is", "保持原状"],
    ["answer, no answer, handoff care", "the bot had no answer: handed to CARE", "机器人无答案，转人工（CARE）"],
    ["what a newer daemon says", "what a newer daemon says", "what a newer daemon says"],
  ])("%s", (destination, english, chinese) => {
    expect(destinationText(destination, wordsIn("en"), queue)).toBe(english);
    expect(destinationText(destination, wordsIn("zh"), queue)).toBe(chinese);
    expect(ledText({ destination }, wordsIn("en"), queue)).toBe(english);
  });

  it("is the action that heard the message, where one did", () => {
    const decision = { destination: "answer, no answer, handoff care", heard: "order-status" };
    expect(ledText(decision, wordsIn("en"), queue)).toBe("order-status heard it");
    expect(ledText(decision, wordsIn("zh"), queue)).toBe("由动作“order-status”处理");
  });
});

describe("the outcome", () => {
  const rule = (actions: string[], matched = true): ReachedRule => ({ name: "愤怒的客户", file: "20.yaml", line: 1, matched, values: [], actions });
  const outcome = "Handed to queue care because rule “愤怒的客户” matched.";

  it("is the daemon's sentence in English, and where no rule is known", () => {
    expect(outcomeText({ outcome, rules: [rule(["handoff care, priority high"])] }, wordsIn("en"), queue)).toBe(outcome);
    expect(outcomeText({ outcome, rules: [] }, wordsIn("zh"), queue)).toBe(outcome);
  });

  it("says first that an action heard it", () => {
    const said = { outcome, destination: "answer", heard: "order-status", rules: [rule(["answer, otherwise ignore"])] };
    expect(outcomeText(said, wordsIn("en"), queue)).toBe(outcome);
    expect(outcomeText(said, wordsIn("zh"), queue)).toBe("动作“order-status”正在进行，这条消息由其处理，没有执行规则的去向。规则“愤怒的客户”匹配：由机器人回答。");
  });

  it.each<[string, ReachedRule[], string | undefined, string]>([
    ["a handoff", [rule(["tag x", "handoff care, priority high, lang-zh ≥ 3"])], undefined, "规则“愤怒的客户”匹配：转人工（CARE）。"],
    ["an answer", [rule(["answer, otherwise handoff care, priority normal"])], undefined, "规则“愤怒的客户”匹配：由机器人回答。"],
    ["an action", [rule(["do order-status, otherwise handoff care, priority normal"])], undefined, "规则“愤怒的客户”匹配：开始动作“order-status”。"],
    ["what came of an answer", [rule(["answer, otherwise ignore"])], "answer, no answer, ignore", "规则“愤怒的客户”匹配：机器人无答案，不作处理。"],
    ["a tag that looks like a destination", [rule(["tag close"])], undefined, "没有规则决定去向：保持原状。"],
    ["no rule", [rule([], false)], "to its agent", "没有规则决定去向：交给负责的客服。"],
  ])("in Chinese: %s", (_, rules, destination, expected) => {
    expect(outcomeText({ outcome, rules, ...(destination ? { destination } : {}) }, wordsIn("zh"), queue)).toBe(expected);
  });
});
