/** Cards and buttons as the customer was shown them: to be seen, not to be pressed. */

import { IconPhoto } from "@tabler/icons-react";
import { useState } from "react";
import type { Button, Card } from "../api/types";
import { useWords } from "../i18n";
import { webAddress } from "./links";

/** More than these are not drawn. */
const DRAWN = 20;

export function Cards({ cards }: { cards: Card[] }) {
  const { t } = useWords();
  const pictures = cards.some((card) => card.image);
  return (
    <ul className="shown-cards" tabIndex={0} aria-label={t("journal.cards", { n: cards.length })}>
      {cards.slice(0, DRAWN).map((card, index) => (
        <li key={index} data-testid="card">
          {pictures && <Picture image={card.image} />}
          <div className="about" dir="auto">
            <strong>
              <Linked text={card.title} to={card.link} />
            </strong>
            {card.price && <span>{card.price}</span>}
            {card.text && <span className="muted foreign">{card.text}</span>}
            {card.buttons && card.buttons.length > 0 && <OfferedButtons buttons={card.buttons} />}
          </div>
        </li>
      ))}
    </ul>
  );
}

/** Its place stays where no picture comes. */
function Picture({ image }: { image: string | undefined }) {
  const [failed, setFailed] = useState(false);
  const src = image === undefined ? undefined : webAddress(image);
  return (
    <div className="scene">
      {src && !failed ? (
        <img src={src} alt="" loading="lazy" referrerPolicy="no-referrer" onError={() => setFailed(true)} />
      ) : (
        <IconPhoto size={20} aria-hidden />
      )}
    </div>
  );
}

export function OfferedButtons({ buttons }: { buttons: Button[] }) {
  return (
    <div className="offered-buttons">
      {buttons.slice(0, DRAWN).map((button, index) => (
        <Linked key={index} text={button.title} to={button.url} />
      ))}
    </div>
  );
}

function Linked({ text, to }: { text: string; to: string | undefined }) {
  const href = to === undefined ? undefined : webAddress(to);
  if (!href) return <bdi>{text}</bdi>;
  return (
    <a className="link" href={href} target="_blank" rel="noopener noreferrer nofollow">
      {text}
    </a>
  );
}
