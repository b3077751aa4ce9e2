/** Which lines of a file are shown, and how. Pure. Lines count from 1. */

/** `hit` stands out, `tried` is muted, `aim` is what somebody came for. */
export type Tone = "hit" | "tried" | "aim";

/** Lines of one tone, both ends included. */
export interface Mark {
  from: number;
  to: number;
  tone: Tone;
}

export interface Range {
  from: number;
  to: number;
}

export const linesOf = (text: string): string[] => text.replace(/\n$/, "").split("\n");

/** The tone of each line that has one; of several marks the last one counts. */
export function tones(marks: Mark[]): Map<number, Tone> {
  const toned = new Map<number, Tone>();
  for (const { from, to, tone } of marks) for (let line = from; line <= to; line++) toned.set(line, tone);
  return toned;
}

/** The lines around the marks, those that touch joined. */
export function excerpt(count: number, marks: Mark[], context: number): Range[] {
  const wanted = marks.map(({ from, to }) => ({ from: Math.max(1, from - context), to: Math.min(count, to + context) })).filter(({ from, to }) => from <= to);
  wanted.sort((a, b) => a.from - b.from);
  const ranges: Range[] = [];
  for (const range of wanted) {
    const last = ranges.at(-1);
    if (last && range.from <= last.to + 1) last.to = Math.max(last.to, range.to);
    else ranges.push({ ...range });
  }
  return ranges;
}

/** So many lines with `aim` among them: all, where there are no more. */
export function around(count: number, aim: number, most: number): Range {
  const from = Math.max(1, Math.min(aim - Math.floor(most / 2), count - most + 1));
  return { from, to: Math.min(count, from + most - 1) };
}
