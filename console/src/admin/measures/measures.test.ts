import { describe, expect, it } from "vitest";
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

describe("a section", () => {
  it("is a file as the knowledge has it", () => {
    const section = { file: "norway.en.md", language: "en", question: " Do you ship\nto Norway? ", also: ["Norway?", " "], answer: "Yes.\n" };
    expect(markdownOf(section)).toBe("---\nlanguage: en\n---\n\n## Do you ship to Norway?\n\n- also: Norway?\n\nYes.\n");
    expect(markdownOf({ ...section, also: [] })).toBe("---\nlanguage: en\n---\n\n## Do you ship to Norway?\n\nYes.\n");
  });
});
