/** Which of the waiting conversations is chosen. Pure. */

/** The one `step` further; the first or last where none was chosen. It stays at either end. */
export function stepped(ids: string[], chosen: string | undefined, step: 1 | -1): string | undefined {
  const at = chosen === undefined ? -1 : ids.indexOf(chosen);
  if (at < 0) return step > 0 ? ids[0] : ids.at(-1);
  return ids[Math.min(ids.length - 1, Math.max(0, at + step))];
}

/** Who is chosen in place of one that is gone: who took its place, or the last. */
export function instead(before: string[], now: string[], chosen: string | undefined): string | undefined {
  if (chosen === undefined || now.includes(chosen)) return chosen;
  return now[Math.min(Math.max(0, before.indexOf(chosen)), now.length - 1)];
}
