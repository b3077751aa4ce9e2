import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Waits } from "../../api/admin";
import { Refresher } from "../../lib/refresher";
import { at, conversation, wordsIn } from "../../store/samples";
import { reasonText } from "./reason";
import { fullBar, segments } from "./score";
import { instead, stepped } from "./select";

const free = { not_online: 0, skill: 0, capacity: 0, cooling_down: 0 };

function waits(change: Partial<Omit<Waits, "hindered">> & { hindered?: Partial<Waits["hindered"]> } = {}): Waits {
  const { hindered, ...more } = change;
  return { conversation: conversation("cnv_1", { owner: "queue" }), queue: "care", position: 1, waited: 60, score: 60, parts: { waited: 60, priority: 0, sla: 0 }, members: 3, missing: [], ...more, hindered: { ...free, ...hindered } };
}

const now = Date.parse(at(0));
const clock = new Date(at(600)).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
const mei = { agent: { id: "agt_mei", name: "Mei" }, until: at(600) };
const chinese = { skill: "lang-zh", needs: 4, have: 0 };

describe("why a conversation waits", () => {
  it.each<[string, Waits, string, string]>([
    ["an offer comes before everything", waits({ offered: mei, closed_until: null, members: 0 }), `Offered to Mei until ${clock}.`, `已分配给 Mei，等待回应至 ${clock}。`],
    ["closed", waits({ closed_until: null }), "The queue is closed.", "队列目前不在服务时间。"],
    ["closed until", waits({ closed_until: at(600) }), `The queue is closed until ${clock}.`, `队列目前不在服务时间，${clock} 恢复。`],
    ["kept", waits({ kept_for: mei }), `Kept for Mei until ${clock}.`, `为 Mei 保留至 ${clock}。`],
    ["no members", waits({ members: 0 }), "Nobody serves this queue.", "没有客服服务此队列。"],
    ["nobody online", waits({ members: 2, hindered: { not_online: 2 } }), "None of 2 members is online.", "2 名成员均不在线。"],
    ["the only one away", waits({ members: 1, hindered: { not_online: 1 } }), "The only member is not online.", "唯一的成员不在线。"],
    ["nobody has the skill", waits({ members: 4, hindered: { not_online: 1, skill: 4 }, missing: [chinese] }), "Nobody of 3 online has lang-zh at level 4.", "在线的 3 人中无人具备 lang-zh 4 级。"],
    [
      "nobody has all skills",
      waits({ hindered: { skill: 3 }, missing: [{ ...chinese, have: 1 }, { skill: "billing", needs: 3, have: 1 }] }),
      "None of 3 members has what it asks for: lang-zh ≥ 4, billing ≥ 3.",
      "3 名成员均不具备所需技能：lang-zh ≥ 4、billing ≥ 3。",
    ],
    ["all full", waits({ hindered: { capacity: 3 } }), "All 3 members have their hands full.", "3 名成员的容量均已用满。"],
    ["all declined", waits({ members: 1, hindered: { cooling_down: 1 } }), "The only member declined it or let it expire a short while ago.", "唯一的成员刚刚拒绝或未及时响应。"],
    [
      "some of each",
      waits({ members: 5, hindered: { not_online: 2, skill: 2, capacity: 1 }, missing: [{ ...chinese, have: 3 }] }),
      "Of 5 members: 2 not online, 2 without lang-zh ≥ 4, 1 at capacity.",
      "5 名成员中：2 人不在线，2 人不具备 lang-zh ≥ 4，1 人容量已满。",
    ],
    ["nothing in the way", waits(), "It is about to be offered.", "即将分配。"],
  ])("%s", (_, each, english, expected) => {
    expect(reasonText(each, { ...wordsIn("en"), now })).toBe(english);
    expect(reasonText(each, { ...wordsIn("zh"), now })).toBe(expected);
  });
});

describe("the bar of a score", () => {
  const scored = (waited: number, priority: number, sla: number) => waits({ parts: { waited, priority, sla } });

  it("is full for the one with the most", () => {
    expect(fullBar([scored(100, 300, 0), scored(200, -600, 50)])).toBe(400);
    expect(fullBar([])).toBe(1);
  });

  it.each<[string, Waits, unknown]>([
    ["its parts in a row", scored(100, 200, 100), [["waited", 0, 25], ["priority", 25, 50], ["sla", 75, 25]]],
    ["without what is nothing", scored(100, 0, 0), [["waited", 0, 25]]],
    ["a low priority takes away from the waiting", scored(200, -100, 0), [["waited", 0, 50], ["priority", 25, 25, "less"]]],
    ["but not below nothing", scored(100, -600, 0), [["waited", 0, 25], ["priority", 0, 25, "less"]]],
  ])("%s", (_, each, expected) => {
    expect(segments(each, 400).map(({ part, start, width, less }) => [part, start, width, ...(less ? ["less"] : [])])).toEqual(expected);
  });
});

describe("the chosen conversation", () => {
  it.each([
    [undefined, 1, "a"],
    [undefined, -1, "c"],
    ["a", 1, "b"],
    ["c", 1, "c"],
    ["a", -1, "a"],
    ["gone", 1, "a"],
  ] as const)("from %s by %d is %s", (chosen, step, expected) => {
    expect(stepped(["a", "b", "c"], chosen, step)).toBe(expected);
  });

  it("of none is none", () => {
    expect(stepped([], undefined, 1)).toBeUndefined();
  });

  it.each([
    [["a", "b", "c"], ["a", "c"], "b", "c"],
    [["a", "b"], ["a"], "b", "a"],
    [["a"], [], "a", undefined],
    [["a"], ["a"], undefined, undefined],
    [["a", "b"], ["b", "a"], "a", "a"],
  ])("of %j, now %j, that was %s, is %s", (before, later, chosen, expected) => {
    expect(instead(before, later, chosen)).toBe(expected);
  });
});

describe("asking again", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("is at once, then once a second however often it is wanted", async () => {
    const load = vi.fn(() => Promise.resolve());
    const refresher = new Refresher(load, 1_000);
    refresher.ask();
    await vi.advanceTimersByTimeAsync(0);
    expect(load).toHaveBeenCalledTimes(1);
    for (let each = 0; each < 20; each++) {
      refresher.ask();
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(load).toHaveBeenCalledTimes(3);
  });

  it("waits for the answer, and asks once more for what happened meanwhile", async () => {
    let answer = () => {};
    const load = vi.fn(() => new Promise<void>((resolve) => (answer = resolve)));
    const refresher = new Refresher(load, 1_000);
    refresher.ask();
    await vi.advanceTimersByTimeAsync(5_000);
    refresher.ask();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(load).toHaveBeenCalledTimes(1);
    answer();
    await vi.advanceTimersByTimeAsync(0);
    expect(load).toHaveBeenCalledTimes(2);
  });

  it("ends", async () => {
    const load = vi.fn(() => Promise.resolve());
    const refresher = new Refresher(load, 1_000);
    refresher.ask();
    refresher.stop();
    refresher.ask();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(load).not.toHaveBeenCalled();
  });
});
