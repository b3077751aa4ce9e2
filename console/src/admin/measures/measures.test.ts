import { describe, expect, it } from "vitest";
import type { ModelFigures } from "../../api/measures";
import { wordsIn } from "../../store/samples";
import { costText } from "./ModelSection";
import { asked, chosenOf, kept } from "./period";
import { markdownOf } from "./SectionEditor";

describe("a period", () => {
  it.each([
    [{}, { days: "7" }, {}],
    [{ period: "today" }, { days: "1" }, { period: "today" }],
    [{ period: "30d", channel: "shop" }, { days: "30", channel: "shop" }, { period: "30d", channel: "shop" }],
    [{ period: "custom", since: "2026-12-01", until: "x" }, { since: "2026-12-01" }, { period: "custom", since: "2026-12-01" }],
    [{ period: "nonsense", since: "2026-12-01" }, { days: "7" }, {}],
  ])("of the address %j asks for %j", (view, parameters, address) => {
    const chosen = chosenOf(view);
    expect(asked(chosen)).toEqual(expect.objectContaining(parameters));
    expect(JSON.parse(JSON.stringify(kept(chosen)))).toEqual(address);
  });
});

describe("what a model cost", () => {
  const usd = { micros: 12_345_678, summary_micros: 78, answers: 400, micros_per_answer: 30_864 };
  const cny = { micros: 420, summary_micros: 420, answers: 0 };
  it.each<[ModelFigures["costs"], string, string]>([
    [{}, "–", "–"],
    [{ USD: usd }, "12.35 USD", "0.030864 USD"],
    [{ CNY: cny, USD: usd }, "0.00042 CNY · 12.35 USD", "0.030864 USD"],
    [{ CNY: { micros: 0, summary_micros: 0, answers: 2, micros_per_answer: 0 } }, "0.00 CNY", "0.00 CNY"],
  ])("%j is %s, and %s an answer", (costs, all, each) => {
    const model = { turns: 1, ended: {}, summaries: 1, requests: 1, tokens: 9, costs };
    for (const words of [wordsIn("en"), wordsIn("zh")]) {
      expect(costText(model, "micros", words)).toBe(all);
      expect(costText(model, "micros_per_answer", words)).toBe(each);
    }
  });
});

describe("a section", () => {
  it("is a file as the knowledge has it", () => {
    const section = { file: "norway.en.md", language: "en", question: " Do you ship\nto Norway? ", also: ["Norway?", " "], answer: "Yes.\n" };
    expect(markdownOf(section)).toBe("---\nlanguage: en\n---\n\n## Do you ship to Norway?\n\n- also: Norway?\n\nYes.\n");
    expect(markdownOf({ ...section, also: [] })).toBe("---\nlanguage: en\n---\n\n## Do you ship to Norway?\n\nYes.\n");
  });
});
