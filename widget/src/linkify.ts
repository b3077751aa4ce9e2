/** Finds the links in foreign text. Only `http` and `https` ones, only what the browser reads as a URL too. */

export type Piece = { text: string; href?: string };

const CANDIDATE = /https?:\/\/[^\s<>"'`，。！？；：、“”‘’（）《》【】「」]+/giu;
/** What ends a sentence rather than a URL. */
const TRAILING = ".,!?;:*_~";

/** The text in pieces that together are the whole text; those with `href` are links. */
export function linkify(text: string): Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const match of text.matchAll(CANDIDATE)) {
    const url = trim(match[0]);
    const href = safe(url);
    if (!href) continue;
    if (match.index > end) pieces.push({ text: text.slice(end, match.index) });
    pieces.push({ text: url, href });
    end = match.index + url.length;
  }
  if (end < text.length) pieces.push({ text: text.slice(end) });
  return pieces;
}

/** The URL, if following it can only open a page. */
export function safe(url: string): string | undefined {
  try {
    const { protocol, href } = new URL(url);
    return protocol === "http:" || protocol === "https:" ? href : undefined;
  } catch {
    return undefined;
  }
}

/** Without the sentence's own punctuation, and without a bracket that was opened before the URL. */
function trim(url: string): string {
  const surplus = new Map(["()", "[]", "{}"].map((pair) => [pair[1]!, count(url, pair[1]!) - count(url, pair[0]!)]));
  let end = url.length;
  for (; end > 0; end -= 1) {
    const last = url[end - 1]!;
    const unopened = surplus.get(last) ?? 0;
    if (unopened > 0) surplus.set(last, unopened - 1);
    else if (!TRAILING.includes(last)) break;
  }
  return url.slice(0, end);
}

function count(text: string, character: string): number {
  return text.split(character).length - 1;
}
