/** Texts and times in one language. Pure: the time is passed in. */

import { en } from "./en";
import type { Key } from "./en";
import { zh } from "./zh";

export type Language = "en" | "zh";
export type Values = Record<string, string | number>;

export const dictionaries: Record<Language, Record<Key, string>> = { en, zh };

/** The BCP 47 tag with which the browser formats and picks glyphs. */
export const tags: Record<Language, string> = { en: "en", zh: "zh-Hans" };

/** The first of the browser's languages that there is; English else. */
export function preferred(languages: readonly string[]): Language {
  for (const each of languages) {
    if (each.toLowerCase().startsWith("zh")) return "zh";
    if (each.toLowerCase().startsWith("en")) return "en";
  }
  return "en";
}

/** The text of `key`, its `_one` form when the value `n` is 1, with the values filled in. */
export function text(language: Language, key: Key, values: Values = {}): string {
  const dictionary = dictionaries[language];
  const singular = `${key}_one` as Key;
  const template = values["n"] === 1 && singular in dictionary ? dictionary[singular] : dictionary[key];
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

const units: [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 31_557_600],
  ["month", 2_629_800],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** "5 minutes ago", or "just now" within 45 s either way. `at` is RFC 3339, `now` ms. */
export function relative(language: Language, at: string, now: number): string {
  const seconds = (Date.parse(at) - now) / 1_000;
  if (Number.isNaN(seconds)) return at;
  if (Math.abs(seconds) < 45) return text(language, "time.now");
  const [unit, size] = units.find(([, each]) => Math.abs(seconds) >= each) ?? ["minute", 60];
  const amount = Math.trunc(seconds / size) || Math.sign(seconds);
  return new Intl.RelativeTimeFormat(tags[language], { numeric: "auto" }).format(amount, unit);
}

/** A length of time in its largest unit: "40s", "5m", "3h", "2d"; in Chinese 40秒, 5分钟, 3小时, 2天. */
export function duration(language: Language, seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const [unit, size] =
    whole < 60 ? (["second", 1] as const) : whole < 3_600 ? (["minute", 60] as const) : whole < 86_400 ? (["hour", 3_600] as const) : (["day", 86_400] as const);
  return new Intl.NumberFormat(tags[language], { style: "unit", unit, unitDisplay: language === "zh" ? "short" : "narrow" }).format(Math.floor(whole / size));
}

/** A length of time in words, by its two largest units: "1 hour, 30 minutes", "1小时30分钟". */
export function span(language: Language, seconds: number): string {
  let left = Math.max(0, Math.floor(seconds));
  const parts: string[] = [];
  for (const [unit, size] of [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]] as const) {
    const amount = Math.floor(left / size);
    left %= size;
    if (amount > 0 || (size === 1 && parts.length === 0)) parts.push(new Intl.NumberFormat(tags[language], { style: "unit", unit, unitDisplay: language === "zh" ? "short" : "long" }).format(amount));
  }
  return new Intl.ListFormat(tags[language], { type: "unit" }).format(parts.slice(0, 2));
}

/** Date and time in full, in the reader's time zone. */
export function absolute(language: Language, at: string): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? at : new Intl.DateTimeFormat(tags[language], { dateStyle: "full", timeStyle: "medium" }).format(date);
}

/** Hours and minutes. */
export function clock(language: Language, at: string): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? at : new Intl.DateTimeFormat(tags[language], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(date);
}

/** The day of an entry as a heading: today, yesterday, or the date. */
export function day(language: Language, at: string, now: number): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return at;
  const midnight = (ms: number) => new Date(ms).setHours(0, 0, 0, 0);
  const days = Math.round((midnight(now) - midnight(date.getTime())) / 86_400_000);
  if (days === 0) return text(language, "time.today");
  if (days === 1) return text(language, "time.yesterday");
  const sameYear = new Date(now).getFullYear() === date.getFullYear();
  return new Intl.DateTimeFormat(tags[language], { weekday: "long", day: "numeric", month: "long", ...(sameYear ? {} : { year: "numeric" }) }).format(date);
}

/** A moment near `now`: its time, with the day if that is another. */
export function moment(language: Language, at: string, now: number): string {
  const date = new Date(at);
  if (Number.isNaN(date.getTime()) || date.toDateString() === new Date(now).toDateString()) return clock(language, at);
  return `${day(language, at, now)} ${clock(language, at)}`;
}

export function number(language: Language, value: number): string {
  return new Intl.NumberFormat(tags[language], { maximumFractionDigits: 1 }).format(value);
}

/** Millionths of a currency: "0.0042 USD", "12.50 USD". */
export function money(language: Language, micros: number, currency: string): string {
  const units = micros / 1e6;
  const amount = new Intl.NumberFormat(tags[language], { minimumFractionDigits: 2, maximumFractionDigits: units < 1 ? 6 : 2 });
  return `${amount.format(units)} ${currency}`;
}

/** A part of a whole: 0.25 as "25%"; nothing of nothing is "0%". */
export function percent(language: Language, part: number, whole: number): string {
  return new Intl.NumberFormat(tags[language], { style: "percent", maximumFractionDigits: 1 }).format(whole > 0 ? part / whole : 0);
}

/** A size in bytes as "12 kB". */
export function bytes(language: Language, size: number): string {
  const [unit, divisor] = size < 1_000 ? (["byte", 1] as const) : size < 1_000_000 ? (["kilobyte", 1e3] as const) : (["megabyte", 1e6] as const);
  return new Intl.NumberFormat(tags[language], { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: 1 }).format(size / divisor);
}

/** The name of a language in the reader's language: "zh-Hans" is "Simplified Chinese". */
export function languageName(language: Language, tag: string): string {
  if (!tag || tag === "und") return text(language, "signal.unknown");
  try {
    return new Intl.DisplayNames([tags[language]], { type: "language" }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}
