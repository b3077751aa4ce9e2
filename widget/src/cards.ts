/** Cards as a row to look through, by finger, wheel or keyboard. */

import { el, icon, ICONS } from "./dom";
import { safe } from "./linkify";
import { anchor, rich } from "./links";
import type { Button, Card } from "./protocol";
import type { Texts } from "./texts";

/** `draw` makes an element of a button. */
export function cards(items: Card[], texts: Texts, draw: (button: Button) => HTMLElement): HTMLElement {
  const pictures = items.some((card) => card.image);
  // It can be focused, so that arrow keys move it where no card has a button.
  return el(
    "ul",
    { class: items.length === 1 ? "cards alone" : "cards", role: "list", "aria-label": texts.cards(items.length), tabindex: items.length > 1 && 0 },
    ...items.map((card) =>
      el(
        "li",
        { class: "card" },
        pictures && picture(card.image),
        el(
          "div",
          { class: "about", dir: "auto" },
          el("strong", {}, title(card, texts)),
          card.price && el("span", { class: "price" }, card.price),
          card.text && el("span", { class: "more" }, ...rich(card.text, texts)),
        ),
        card.buttons && card.buttons.length > 0 && el("div", { class: "does" }, ...card.buttons.map(draw)),
      ),
    ),
  );
}

function title({ title, link }: Card, texts: Texts): Node | string {
  const href = link && safe(link);
  return href ? anchor(href, texts, {}, title) : title;
}

/** Its place has a set size, whether a picture comes or not. The title says what it shows. */
function picture(image: string | undefined): HTMLElement {
  const place = el("div", { class: "scene" }, icon(ICONS.picture));
  const src = image && safe(image);
  if (src) {
    const shown = el("img", { src, alt: "", loading: "lazy", decoding: "async", referrerpolicy: "no-referrer" });
    shown.addEventListener("error", () => shown.remove());
    place.append(shown);
  }
  return place;
}
