/** What happened, as one line. Pure. */

import type { Entry, EntryEvent, Thought } from "../api/types";
import type { Words } from "../i18n";

type In = Pick<Words, "t" | "span" | "money">;

/** How a model's turn can end. */
const THOUGHTS = [
  "answered", "summarised", "acts", "hands_off", "down", "slow", "stalled", "broken", "unreadable", "too_long", "empty", "cut_off", "refused",
  "resting", "steps", "uncited", "link", "placeholder", "budget", "time", "lost", "gone",
] as const;

/** `names` says how agents and queues are called; an id that it does not know stays as it is. */
export function eventText(event: EntryEvent, words: In, names: { agent(id: string): string; queue(name: string): string }): string {
  const { t } = words;
  switch (event.type) {
    case "opened":
    case "reopened":
      return t(`event.${event.type}`);
    case "related":
      return t("event.related", { conversation: event.conversation });
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
    case "taken_back":
      return t(`event.${event.type}`, { agent: names.agent(event.agent) });
    case "queue_closed":
      return t("event.queue_closed", { queue: names.queue(event.queue) });
    case "escalated": {
      const time = words.span(event.after);
      const queue = event.queue ? names.queue(event.queue) : "";
      const priority = event.priority ? t(`priority.${event.priority}`) : "";
      if (queue && priority) return t("event.escalated_both", { time, queue, priority });
      return queue ? t("event.escalated_queue", { time, queue }) : t("event.escalated_priority", { time, priority });
    }
    case "transferred": {
      const by = names.agent(event.by);
      return event.agent ? t("event.transferred_agent", { by, agent: names.agent(event.agent) }) : t("event.transferred_queue", { by, queue: names.queue(event.queue) });
    }
    case "taken_over": {
      const [by, agent] = [names.agent(event.by), names.agent(event.agent)];
      return by === agent ? t("event.taken_over", { by }) : t("event.assigned", { by, agent });
    }
    case "tagged": {
      const by = names.agent(event.by);
      const [added, removed] = [event.add.join(", "), event.remove.join(", ")];
      if (added && removed) return t("event.tag_both", { by, added, removed });
      return added ? t("event.tag_added", { by, tags: added }) : t("event.tag_removed", { by, tags: removed });
    }
    case "action_begun":
      return t("event.action_begun", { action: event.action });
    case "action_called":
      return t("event.action_called", { action: event.action, outcome: event.outcome });
    case "action_ended": {
      const known = ["done", "cancelled", "not_understood", "identity", "handed_over", "closed", "left", "forgotten", "followed", "unknown"] as const;
      const how = known.find((word) => word === event.how);
      return t("event.action_ended", { action: event.action, how: how ? t(`action.${how}`) : event.how });
    }
    case "verification_asked":
      return t("event.verification_asked", { to: event.to, by: event.by });
    case "verification_passed":
      return t(event.by === "link" ? "event.verification_passed_link" : "event.verification_passed_code", { to: event.to });
    case "verification_failed": {
      const how = (["wrong", "expired", "tries", "limit"] as const).find((word) => word === event.how);
      return how ? t(`event.verification_${how}`, { to: event.to }) : event.how;
    }
    case "ticket_given":
      return t("event.ticket_given", { number: event.number });
    case "model_thought":
      return thoughtText(event, words);
    case "summarised": {
      const { by, model, tokens } = event;
      return t("event.summarised", { by, model, how: endText(event.how, t) ?? event.how, tokens: String(tokens), cost: costText(event, words) });
    }
    case "agent_acts":
      return t(event.checked ? "event.agent_acts_checked" : "event.agent_acts", { by: event.by, action: event.action });
    case "agent_acted":
      return t("event.agent_acted", { action: event.action, outcome: event.outcome });
    case "merged":
    case "unmerged":
      return t(`event.${event.type}`, { from: event.from, into: event.into, by: names.agent(event.by) });
    case "satisfaction_asked":
    case "commented":
      return t(`event.${event.type}`);
    case "rated": {
      const { rating, instead, comment } = event;
      const rated = instead === undefined || instead === rating ? t("event.rated", { rating }) : t("event.rated_instead", { rating, instead });
      return comment ? t("event.rated_comment", { rated, comment }) : rated;
    }
    default: // What a newer daemon tells.
      return (event as { type: string }).type;
  }
}

/** How asking a model ended; `undefined` for a word that is none. */
export function endText(how: string, t: In["t"]): string | undefined {
  const known = THOUGHTS.find((word) => word === how);
  return known && t(`thought.${known}`);
}

/** What came of asking a model. */
export function thoughtText(thought: Thought, words: In): string {
  const { t } = words;
  const { persona, model, steps, tokens } = thought;
  const how = endText(thought.how, t) ?? thought.how;
  const said = { persona, model: model || "–", steps: String(steps), how, tokens: String(tokens), cost: costText(thought, words) };
  return t(steps > 1 ? "event.model_thought" : "event.model_thought_once", said);
}

const costText = ({ micros = 0, currency }: Thought, { money }: In) => (currency ? `, ${money(micros, currency)}` : "");

/** Why rules ran without a message. */
export function firedText({ on, after = 0 }: Pick<Entry, "on" | "after">, { t, span }: Pick<In, "t" | "span">): string {
  switch (on) {
    case "waiting":
    case "idle":
      return t(`fired.${on}`, { time: span(after) });
    case "closed":
      return after > 0 ? t("fired.closed", { time: span(after) }) : t("fired.closed_now");
    case "sla_risk":
      return t("fired.sla_risk");
    default: // What a newer daemon tells.
      return on ?? "";
  }
}
