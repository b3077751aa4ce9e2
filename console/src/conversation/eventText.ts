/** What happened, as one line. Pure. */

import type { EntryEvent } from "../api/types";
import type { Words } from "../i18n";

/** `names` says how agents and queues are called; an id that it does not know stays as it is. */
export function eventText(event: EntryEvent, t: Words["t"], names: { agent(id: string): string; queue(name: string): string }): string {
  switch (event.type) {
    case "opened":
    case "reopened":
      return t(`event.${event.type}`);
    case "closed":
    case "returned_to_bot":
      return t(`event.${event.type}`, { by: names.agent(event.by) });
    case "queued":
      return t("event.queued", { queue: names.queue(event.queue), priority: t(`priority.${event.priority}`), reason: event.reason });
    case "offered":
    case "accepted":
    case "declined":
    case "expired":
    case "withdrawn":
      return t(`event.${event.type}`, { agent: names.agent(event.agent) });
    case "tagged": {
      const by = names.agent(event.by);
      const [added, removed] = [event.add.join(", "), event.remove.join(", ")];
      if (added && removed) return t("event.tag_both", { by, added, removed });
      return added ? t("event.tag_added", { by, tags: added }) : t("event.tag_removed", { by, tags: removed });
    }
    case "merged":
    case "unmerged":
      return t(`event.${event.type}`, { from: event.from, into: event.into, by: names.agent(event.by) });
    default: // What a newer daemon tells.
      return (event as { type: string }).type;
  }
}
