/** The reader's language for the components: chosen, or the browser's. */

import { createContext, useContext, useEffect, useMemo, useState } from "react";
import type { ReactNode } from "react";
import { store, stored } from "../lib/storage";
import type { Key } from "./en";
import * as format from "./format";
import type { Language, Values } from "./format";

export type Choice = Language | "auto";

export interface Words {
  language: Language;
  choice: Choice;
  choose(choice: Choice): void;
  t(key: Key, values?: Values): string;
  relative(at: string, now: number): string;
  duration(seconds: number): string;
  span(seconds: number): string;
  absolute(at: string): string;
  clock(at: string): string;
  day(at: string, now: number): string;
  moment(at: string, now: number): string;
  number(value: number): string;
  money(micros: number, currency: string): string;
  percent(part: number, whole: number): string;
  bytes(size: number): string;
  languageName(tag: string): string;
}

const Context = createContext<Words | undefined>(undefined);

function wordsIn(language: Language, choice: Choice, choose: (choice: Choice) => void): Words {
  return {
    language,
    choice,
    choose,
    t: (key, values) => format.text(language, key, values),
    relative: (at, now) => format.relative(language, at, now),
    duration: (seconds) => format.duration(language, seconds),
    span: (seconds) => format.span(language, seconds),
    absolute: (at) => format.absolute(language, at),
    clock: (at) => format.clock(language, at),
    day: (at, now) => format.day(language, at, now),
    moment: (at, now) => format.moment(language, at, now),
    number: (value) => format.number(language, value),
    money: (micros, currency) => format.money(language, micros, currency),
    percent: (part, whole) => format.percent(language, part, whole),
    bytes: (size) => format.bytes(language, size),
    languageName: (tag) => format.languageName(language, tag),
  };
}

export function WordsProvider({ children }: { children: ReactNode }) {
  const [choice, setChoice] = useState<Choice>(() => stored<Choice>("language") ?? "auto");
  const language = choice === "auto" ? format.preferred(navigator.languages) : choice;
  const words = useMemo(() => {
    const choose = (next: Choice) => {
      store("language", next === "auto" ? undefined : next);
      setChoice(next);
    };
    return wordsIn(language, choice, choose);
  }, [language, choice]);
  useEffect(() => {
    document.documentElement.lang = format.tags[language];
  }, [language]);
  return <Context value={words}>{children}</Context>;
}

export function useWords(): Words {
  const words = useContext(Context);
  if (!words) throw new Error("useWords needs a WordsProvider above it");
  return words;
}
