/** One entry of the journal: a message, a reply, a note, or an event's slim line. */

import { Tooltip } from "@mantine/core";
import { IconBook2, IconHelpHexagon, IconLock, IconRobot } from "@tabler/icons-react";
import { memo, useState } from "react";
import type { ReactNode } from "react";
import type { Body, Entry } from "../api/types";
import { explain } from "../app/router";
import { ledText } from "../explain/destination";
import { useWords } from "../i18n";
import type { Key } from "../i18n/en";
import { useQueueTitle } from "../left/Queues";
import { useStore } from "../store/store";
import { Attachments, Location } from "./Attachments";
import { Cards, OfferedButtons } from "./Cards";
import { DeliveryLine } from "./DeliveryLine";
import { eventText, firedText } from "./eventText";
import { ForeignText } from "./ForeignText";
import { MailPage } from "./MailPage";
import { SignalChips } from "./SignalChips";

interface Props {
  entry: Entry;
  customer: string;
  /** The conversation's language, which its messages need not repeat. */
  language?: string | undefined;
  /** The same author wrote just before: the name is not repeated. */
  follows: boolean;
  /** What the customer made of it later. */
  changed?: Entry | undefined;
  /** It is a change, and the message that it changed shows it. */
  shown?: boolean | undefined;
  /** Shown before the name, where several conversations are mixed. */
  origin?: ReactNode;
}

export const EntryView = memo(function EntryView({ entry, customer, language, follows, changed, shown, origin }: Props) {
  if (entry.kind === "event") return <EventLine entry={entry} />;
  if (entry.kind === "refined" || entry.kind === "fired") return <DecidedLine entry={entry} language={language} />;
  const out = entry.kind !== "message";
  const classes = ["said-row", out ? "out" : "", entry.author.type === "bot" || entry.author.type === "system" ? "bot" : "", entry.kind === "note" ? "note" : "", follows ? "follows" : ""];
  return (
    <li className={classes.filter(Boolean).join(" ")} data-testid={`entry-${entry.kind}`} data-entry={entry.id}>
      {!follows && <By entry={entry} customer={customer} origin={origin} />}
      <div className="bubble">
        {changed ? <Changed from={entry} to={changed} /> : <Content body={shown ? undefined : entry.body} content={entry.content} lang={languageOf(entry)} />}
        {!shown && <MailPage entry={entry} />}
      </div>
      <Under entry={entry} language={language} />
    </li>
  );
});

const languageOf = ({ signals }: Entry) => (signals?.language.known ? signals.language.value : undefined);

/** A message as the customer wants it to read now. What it said before is one click away: the decision was made on that. */
function Changed({ from, to }: { from: Entry; to: Entry }) {
  const { t } = useWords();
  const [before, setBefore] = useState(false);
  const deleted = to.content === "delete";
  return (
    <>
      {!deleted && <Content body={to.body} lang={languageOf(to)} />}
      <button type="button" className="plain link small muted" aria-expanded={before} onClick={() => setBefore(!before)} data-testid="changed">
        {t(deleted ? "journal.deleted" : "journal.edited")} · {t(before ? "journal.before_hide" : "journal.before_show")}
      </button>
      {before && (
        <div className="before">
          <Content body={from.body} lang={languageOf(from)} />
        </div>
      )}
    </>
  );
}

function By({ entry, customer, origin }: { entry: Entry; customer: string; origin: ReactNode }) {
  const { t, clock, absolute } = useWords();
  const { author } = entry;
  const names = { customer, bot: t("journal.bot"), system: t("journal.system"), agent: author.type === "agent" ? author.name : "" };
  return (
    <div className="by">
      {origin}
      {author.type === "bot" && <IconRobot size={14} aria-hidden />}
      <strong>
        <bdi>{names[author.type]}</bdi>
      </strong>
      {entry.kind === "note" && (
        <Tooltip label={t("journal.note_hint")}>
          <span className="pill warn" tabIndex={0}>
            <IconLock size={12} aria-hidden /> {t("journal.note")}
          </span>
        </Tooltip>
      )}
      <time dateTime={entry.at} title={absolute(entry.at)}>
        {clock(entry.at)}
      </time>
    </div>
  );
}

export function Content({ body, content, lang }: { body: Body | undefined; content?: Entry["content"]; lang?: string | undefined }) {
  const { t } = useWords();
  const blank = !body?.text && !body?.attachments?.length && !body?.location && !body?.cards?.length;
  return (
    <>
      {content && content !== "message" && <span className="muted small">{t(`journal.${content}` as Key)}</span>}
      {body?.subject && <bdi className="subject foreign">{body.subject}</bdi>}
      {body?.text && <ForeignText text={body.text} lang={lang} />}
      {blank && (!content || content === "message") && <span className="muted">{t("journal.no_text")}</span>}
      {body?.attachments && body.attachments.length > 0 && <Attachments items={body.attachments} />}
      {body?.location && <Location location={body.location} />}
      {body?.buttons && body.buttons.length > 0 && <OfferedButtons buttons={body.buttons} />}
      {body?.cards && body.cards.length > 0 && <Cards cards={body.cards} />}
    </>
  );
}

function Under({ entry, language }: { entry: Entry; language: string | undefined }) {
  const { t } = useWords();
  const { signals, decision, citation, also = [], delivery } = entry;
  const citations = citation ? [citation, ...also] : [];
  if (!signals && !decision && !citation && !delivery) return null;
  return (
    <div className="under">
      {signals && <SignalChips signals={signals} usual={language} />}
      {decision && <Decision entry={entry} />}
      {citations.map(({ file, question, score }) => (
        <Tooltip key={`${file} ${question}`} label={t("journal.citation_source", { file, score: score.toFixed(2) })}>
          <span className="line" tabIndex={0} data-testid="citation">
            <IconBook2 size={14} aria-hidden />
            {t("journal.citation", { question })}
          </span>
        </Tooltip>
      ))}
      {delivery && <DeliveryLine outbound={entry.id} delivery={delivery} />}
    </div>
  );
}

function Decision({ entry }: { entry: Entry }) {
  const words = useWords();
  const { t } = words;
  const queue = useQueueTitle();
  if (!entry.decision) return null;
  return (
    <>
      <span className="ellipsis" title={entry.decision.rule}>
        → {ledText(entry.decision, words, queue)}
      </span>
      <button type="button" className="plain link line" title={t("journal.why_title")} onClick={() => explain({ why: entry.id })} data-testid="why">
        <IconHelpHexagon size={13} aria-hidden />
        {t("journal.why")}
      </button>
    </>
  );
}

/** What was decided without a new message: on a second opinion, or because of the time. */
function DecidedLine({ entry, language }: { entry: Entry; language: string | undefined }) {
  const words = useWords();
  const { t, clock, absolute } = words;
  return (
    <li className="event decided" data-testid={`entry-${entry.kind}`} data-entry={entry.id}>
      <span>{entry.kind === "fired" ? firedText(entry, words) : t("journal.refined")}</span>
      <time dateTime={entry.at} title={absolute(entry.at)}>
        {clock(entry.at)}
      </time>
      <Under entry={entry} language={language} />
    </li>
  );
}

function EventLine({ entry }: { entry: Entry }) {
  const words = useWords();
  const { t, clock, absolute } = words;
  const agents = useStore((state) => state.agents);
  const queue = useQueueTitle();
  if (!entry.event) return null;
  const agent = (id: string) => agents[id]?.name ?? (id === "bot" ? t("journal.bot") : id === "system" ? t("journal.system") : id);
  return (
    <li className="event" data-testid="entry-event">
      <span>{eventText(entry.event, words, { agent, queue })}</span>
      <time dateTime={entry.at} title={absolute(entry.at)}>
        {clock(entry.at)}
      </time>
    </li>
  );
}
