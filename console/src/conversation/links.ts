/** Finds the web addresses in foreign text. Pure; only http and https, whatever the text says. */

export type Piece = { text: string; href?: string };

const address = /\bhttps?:\/\/[^\s<>"'`\u3000-\u303f\uff00-\uffef\u200b-\u200f\u202a-\u202e\u2066-\u2069]+/gi;

/** How much of a text is searched: enough for any message that a person wrote. */
const SEARCHED = 20_000;

export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let from = 0;
  for (const match of text.slice(0, SEARCHED).matchAll(address)) {
    const shown = match[0].replace(/[.,;:!?)\]}*_~]+$/, "");
    const href = webAddress(shown);
    if (!href) continue;
    if (match.index > from) found.push({ text: text.slice(from, match.index) });
    found.push({ text: shown, href });
    from = match.index + shown.length;
  }
  if (from < text.length) found.push({ text: text.slice(from) });
  return found;
}

/** The address if it is one of the web, for `href`; nothing else may become a link. */
export function webAddress(text: string): string | undefined {
  try {
    const url = new URL(text);
    return url.protocol === "http:" || url.protocol === "https:" ? url.href : undefined;
  } catch {
    return undefined;
  }
}
