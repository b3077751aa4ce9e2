import { describe, expect, it } from "vitest";
import { en } from "./en";
import type { Key } from "./en";
import { bytes, clock, day, dictionaries, duration, languageName, moment, percent, preferred, relative, span, text } from "./format";

const keys = Object.keys(en) as Key[];
const placeholders = (template: string) => [...template.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();

const sources = Object.entries(import.meta.glob<string>("../**/*.{ts,tsx}", { query: "?raw", import: "default", eager: true }))
  .filter(([path]) => !path.includes(".test.") && !/^\.\/(admin\.|measures\.)?(en|zh)\.ts$/.test(path))
  .map(([, source]) => source)
  .join("\n");

describe("the dictionaries", () => {
  it("have the same keys", () => {
    expect(Object.keys(dictionaries.zh).sort()).toEqual([...keys].sort());
  });

  it("say something for each key, and Chinese in Chinese", () => {
    const same = new Set<Key>(["app.name", "journal.system", "routed.level"]);
    const wrong = keys.filter((key) => !en[key].trim() || (!same.has(key) && !/[\u4e00-\u9fff]/.test(dictionaries.zh[key])));
    expect(wrong).toEqual([]);
  });

  it("ask for the same values in both languages; a singular may leave some out", () => {
    const whole = (key: Key) => placeholders(en[key.replace(/_one$/, "") as Key]);
    const within = (some: (string | undefined)[], all: (string | undefined)[]) => some.every((each) => all.includes(each));
    const fits = (key: Key) => {
      const [english, chinese] = [placeholders(en[key]), placeholders(dictionaries.zh[key])];
      return key.endsWith("_one") ? within(english, whole(key)) && within(chinese, whole(key)) : english.join() === chinese.join();
    };
    expect(keys.filter((key) => !fits(key))).toEqual([]);
  });

  it("have no text that nothing shows", () => {
    const patterns = [...sources.matchAll(/`(\w+\.[\w]*)\$\{[^}]+\}(\w*)`/g)].map((match) => new RegExp(`^${match[1]}\\w+${match[2]}$`));
    const used = (key: string) => sources.includes(`"${key}"`) || patterns.some((pattern) => pattern.test(key));
    expect(keys.filter((key) => !used(key) && !(key.endsWith("_one") && used(key.slice(0, -4))))).toEqual([]);
  });
});

describe("a text", () => {
  it.each([
    ["en", 1, "1 unread message"],
    ["en", 2, "2 unread messages"],
    ["zh", 1, "1 条未读消息"],
  ] as const)("in %s counts %d", (language, n, expected) => {
    expect(text(language, "lists.unread", { n })).toBe(expected);
  });

  it("puts values in as they are", () => {
    expect(text("en", "conversation.owner_agent", { agent: "$& {queue} <b>" })).toBe("With $& {queue} <b>");
  });
});

describe("the language", () => {
  it.each([
    [["zh-CN", "en"], "zh"],
    [["fr", "zh-TW"], "zh"],
    [["de", "en-GB", "zh"], "en"],
    [["de"], "en"],
    [[], "en"],
  ] as const)("of %j is %s", (languages, expected) => {
    expect(preferred(languages)).toBe(expected);
  });
});

describe("times", () => {
  const now = new Date(2026, 6, 15, 12, 0, 0).getTime();
  const before = (seconds: number) => new Date(now - seconds * 1_000).toISOString();

  it.each([
    [0, "just now", "刚刚"],
    [44, "just now", "刚刚"],
    [50, "1 minute ago", "1分钟前"],
    [3_599, "59 minutes ago", "59分钟前"],
    [7_200, "2 hours ago", "2小时前"],
    [86_400, "yesterday", "昨天"],
    [86_400 * 20, "20 days ago", "20天前"],
    [-120, "in 2 minutes", "2分钟后"],
  ])("%d s ago", (seconds, english, chinese) => {
    expect(relative("en", before(seconds), now)).toBe(english);
    expect(relative("zh", before(seconds), now)).toBe(chinese);
  });

  it.each([
    [0, "0s", "0秒"],
    [59.9, "59s", "59秒"],
    [60, "1m", "1分钟"],
    [7_199, "1h", "1小时"],
    [200_000, "2d", "2天"],
    [-5, "0s", "0秒"],
  ])("%d s long", (seconds, english, chinese) => {
    expect(duration("en", seconds)).toBe(english);
    expect(duration("zh", seconds)).toBe(chinese);
  });

  it.each([
    [0, "0 seconds", "0秒"],
    [60, "1 minute", "1分钟"],
    [90, "1 minute, 30 seconds", "1分钟30秒"],
    [86_400 + 3_600 + 60, "1 day, 1 hour", "1天1小时"],
  ])("%d s in words", (seconds, english, chinese) => {
    expect(span("en", seconds)).toBe(english);
    expect(span("zh", seconds)).toBe(chinese);
  });

  it("name days by the reader's calendar", () => {
    expect(day("en", before(3_600), now)).toBe("Today");
    expect(day("zh", before(86_400), now)).toBe("昨天");
    expect(day("en", before(86_400 * 3), now)).toBe("Sunday, July 12");
    expect(day("en", before(86_400 * 365), now)).toContain("2025");
  });

  it("of other days come with the day", () => {
    expect(moment("en", before(3_600), now)).toBe("11:00");
    expect(moment("en", before(86_400), now)).toBe("Yesterday 12:00");
    expect(moment("en", before(-86_400), now)).toBe("Thursday, July 16 12:00");
    expect(moment("zh", before(-86_400), now)).toBe("7月16日星期四 12:00");
  });

  it("show what is no time as it is", () => {
    for (const format of [(at: string) => relative("en", at, now), (at: string) => clock("en", at), (at: string) => day("en", at, now)]) expect(format("soon")).toBe("soon");
  });
});

describe("other values", () => {
  it.each([
    [999, "999 byte"],
    [184_320, "184.3 kB"],
    [2_500_000, "2.5 MB"],
  ])("%d bytes", (size, expected) => {
    expect(bytes("en", size)).toBe(expected);
  });

  it.each([
    [1, 8, "12.5%"],
    [0, 8, "0%"],
    [0, 0, "0%"],
  ])("%d of %d", (part, whole, expected) => {
    expect(percent("en", part, whole)).toBe(expected);
  });

  it.each([
    ["en", "zh-Hans", "Simplified Chinese"],
    ["zh", "es", "西班牙语"],
    ["en", "und", "unknown"],
    ["en", "not a tag", "not a tag"],
  ] as const)("%s calls %s %s", (language, tag, expected) => {
    expect(languageName(language, tag)).toBe(expected);
  });
});
