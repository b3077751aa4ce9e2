import { useState } from "react";
import { useWords } from "../i18n";
import { pieces } from "./links";

/** Longer texts are cut until somebody wants all of it. */
const SHORT = 3_000;

/** Text from outside: shown as text and nothing else, but for links to the web. */
export function ForeignText({ text, lang }: { text: string; lang?: string | undefined }) {
  const { t } = useWords();
  const [whole, setWhole] = useState(false);
  const long = text.length > SHORT;
  const shown = long && !whole ? `${text.slice(0, SHORT)}…` : text;
  return (
    <div className="foreign" dir="auto" lang={lang}>
      {pieces(shown).map((piece, index) =>
        piece.href ? (
          <a key={index} className="link" style={{ textDecoration: "underline" }} href={piece.href} target="_blank" rel="noopener noreferrer nofollow">
            {piece.text}
          </a>
        ) : (
          piece.text
        ),
      )}
      {long && (
        <div>
          <button type="button" className="plain link small" onClick={() => setWhole(!whole)}>
            {whole ? t("journal.short") : t("journal.long", { n: text.length })}
          </button>
        </div>
      )}
    </div>
  );
}
