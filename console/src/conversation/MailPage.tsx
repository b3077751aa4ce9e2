/** What a mail looked like, in a frame where nothing acts, and the mail itself. */

import { IconMail } from "@tabler/icons-react";
import { useState } from "react";
import { attachmentUrl, pageUrl } from "../api/client";
import type { Entry } from "../api/types";
import { useWords } from "../i18n";

export function MailPage({ entry }: { entry: Entry }) {
  const { t } = useWords();
  const [open, setOpen] = useState(false);
  const [images, setImages] = useState(false);
  const original = entry.body?.original && attachmentUrl(entry.body.original);
  if (!entry.page && !original) return null;
  return (
    <div className="mail-page">
      {entry.page && (
        <button type="button" className="plain link small" aria-expanded={open} onClick={() => setOpen(!open)} data-testid="page-toggle">
          {t(open ? "mail.hide" : "mail.show")}
        </button>
      )}
      {open && !images && (
        <button type="button" className="plain link small" title={t("mail.images_hint")} onClick={() => setImages(true)} data-testid="page-images">
          {t("mail.images")}
        </button>
      )}
      {original && (
        <a className="link small line" href={original} target="_blank" rel="noopener noreferrer">
          <IconMail size={13} aria-hidden /> {t("mail.original")}
        </a>
      )}
      {open && <iframe title={t("mail.frame")} src={pageUrl(entry.id, images)} sandbox="allow-popups allow-popups-to-escape-sandbox" data-testid="page" />}
    </div>
  );
}
