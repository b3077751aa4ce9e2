/** A score as a bar of its parts. Pure. */

import type { Waits } from "../../api/admin";

export const partNames = ["waited", "priority", "sla"] as const;
export type PartName = (typeof partNames)[number];

export interface Segment {
  part: PartName;
  /** Of the whole bar, percent. */
  start: number;
  width: number;
  /** It takes away from what stands before it. */
  less: boolean;
}

const ahead = ({ parts }: Waits) => partNames.reduce((sum, part) => sum + Math.max(0, parts[part]), 0);

/** What a full bar stands for. */
export const fullBar = (all: Waits[]): number => Math.max(1, ...all.map(ahead));

/** One after the other; a part below zero goes back over the end of those before. */
export function segments(waits: Waits, full: number): Segment[] {
  let end = 0;
  return partNames.flatMap((part) => {
    const value = waits.parts[part];
    if (value === 0) return [];
    const before = end;
    end = Math.max(0, end + value);
    const [from, to] = value > 0 ? [before, end] : [end, before];
    return [{ part, start: (from / full) * 100, width: ((to - from) / full) * 100, less: value < 0 }];
  });
}
