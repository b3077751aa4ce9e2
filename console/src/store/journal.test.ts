import { describe, expect, it } from "vitest";
import { withNewest, withOlder } from "./journal";
import { message } from "./samples";

const entries = (ids: string) => ids.split("").map((id) => message(id));
const shown = (journal: { entries: { id: string }[] }) => journal.entries.map((entry) => entry.id).join("");

describe("the newest page after a gap", () => {
  it.each<[string, string, boolean, string, boolean, string, string, boolean]>([
    // what, have, more, page, page.more, came since, result, more
    ["continues what overlaps", "abc", true, "bcde", true, "", "abcde", true],
    ["keeps what came since it was asked for", "abcx", false, "bc", true, "x", "abcx", false],
    ["replaces what does not overlap", "abc", false, "xyz", true, "", "xyz", true],
    ["replaces it but for what came since", "abx", false, "yz", true, "x", "yzx", true],
    ["brings missed ones between", "ad", false, "abcd", false, "", "abcd", false],
    ["drops what the daemon does not have", "abq", false, "abc", false, "", "abc", false],
    ["is all there is of an empty journal", "", false, "ab", false, "", "ab", false],
  ])("%s", (_, have, more, page, pageMore, since, result, resultMore) => {
    const journal = withNewest({ entries: entries(have), more }, { entries: entries(page), more: pageMore }, (id) => since.includes(id));
    expect(shown(journal)).toBe(result);
    expect(journal.more).toBe(resultMore);
  });
});

describe("an older page", () => {
  it("goes before what is there, without what is there already", () => {
    const journal = withOlder({ entries: entries("cd"), more: true }, { entries: entries("abc"), more: false });
    expect(shown(journal)).toBe("abcd");
    expect(journal.more).toBe(false);
  });
});
