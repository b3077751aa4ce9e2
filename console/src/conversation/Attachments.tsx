import { IconFile, IconMapPin } from "@tabler/icons-react";
import { attachmentUrl } from "../api/client";
import type { Attachment, Body } from "../api/types";
import { useWords } from "../i18n";
import { webAddress } from "./links";

/** Pictures that the daemon serves for showing; everything else is a download. */
const shown = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);

/** More than this are counted, not listed. */
const LISTED = 20;

export function Attachments({ items }: { items: Attachment[] }) {
  return (
    <div className="files">
      {items.slice(0, LISTED).map((attachment, index) => (
        <AttachmentView key={attachment.hash ?? index} attachment={attachment} />
      ))}
      {items.length > LISTED && <span className="file">+{items.length - LISTED}</span>}
    </div>
  );
}

function AttachmentView({ attachment }: { attachment: Attachment }) {
  const { t, bytes } = useWords();
  const stored = attachmentUrl(attachment);
  const href = stored ?? (attachment.url ? webAddress(attachment.url) : undefined);
  const label = t("journal.attachment", { name: attachment.name });
  if (stored && shown.has(attachment.media_type))
    return (
      <a href={stored} target="_blank" rel="noopener noreferrer" aria-label={label}>
        <img src={stored} alt={attachment.name} loading="lazy" />
      </a>
    );
  const inside = (
    <>
      <IconFile size={16} aria-hidden />
      <bdi className="ellipsis">{attachment.name}</bdi>
      {attachment.size !== undefined && <span className="muted small">{bytes(attachment.size)}</span>}
    </>
  );
  if (attachment.reference !== undefined)
    return (
      <span className="file" title={attachment.problem}>
        {inside}
        <span className="muted small">{t(attachment.problem ? "journal.attachment_lost" : "journal.attachment_coming")}</span>
      </span>
    );
  if (!href) return <span className="file">{inside}</span>;
  return (
    <a className="file" href={href} target="_blank" rel="noopener noreferrer" title={label}>
      {inside}
    </a>
  );
}

export function Location({ location }: { location: NonNullable<Body["location"]> }) {
  const { t } = useWords();
  const { latitude, longitude, name } = location;
  const point = `${latitude.toFixed(5)}, ${longitude.toFixed(5)}`;
  return (
    <div className="files">
      <a className="file" href={`https://www.openstreetmap.org/?mlat=${latitude}&mlon=${longitude}#map=16/${latitude}/${longitude}`} target="_blank" rel="noopener noreferrer">
        <IconMapPin size={16} aria-hidden />
        {t("journal.location", { name: name ? `${name} (${point})` : point })}
      </a>
    </div>
  );
}
