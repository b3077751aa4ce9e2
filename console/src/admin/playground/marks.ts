/** Which lines of the rule files a decision reached. Pure. */

import type { ReachedRule } from "../../api/types";
import type { Mark } from "../rules/source";

/** By file, in the order in which they were reached. */
export function marksOf(rules: ReachedRule[]): Map<string, Mark[]> {
  const files = new Map<string, Mark[]>();
  for (const { file, line, last_line, matched } of rules) {
    const marks = files.get(file) ?? [];
    marks.push({ from: line, to: Math.max(line, last_line ?? line), tone: matched ? "hit" : "tried" });
    files.set(file, marks);
  }
  return files;
}
