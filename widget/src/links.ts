/** Links as elements, alone and within text. They open beside the page, and tell nobody where they were. */

import { type Child, el } from "./dom";
import { linkify } from "./linkify";
import type { Texts } from "./texts";

/** Text with its links; line breaks are the style's business. */
export function rich(text: string, texts: Texts): Child[] {
  return linkify(text).map((piece) => (piece.href ? anchor(piece.href, texts, {}, piece.text) : piece.text));
}

export function anchor(href: string, texts: Texts, attributes: Record<string, string>, ...children: Child[]): HTMLElement {
  const unseen = el("span", { class: "unseen" }, ` (${texts.newTab})`);
  return el("a", { href, target: "_blank", rel: "noopener noreferrer nofollow", ...attributes }, ...children, unseen);
}
