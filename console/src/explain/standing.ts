/** How an agent stands to a conversation, in sentences. Pure. */

import type { Hindrance, Standing } from "../api/admin";
import type { Words } from "../i18n";

export interface In extends Pick<Words, "t" | "moment" | "number"> {
  queue(name: string): string;
  /** ms */
  now: number;
}

export function standingText(standing: Standing, words: In): string[] {
  const { t, moment, now } = words;
  switch (standing.type) {
    case "not_waiting":
      return [standing.held_by ? t("standing.held_by", { agent: standing.held_by.name }) : t("standing.not_waiting")];
    case "offered":
      return [t("standing.offered", { time: moment(standing.until, now) })];
    case "offered_to":
      return [t("standing.offered_to", { agent: standing.agent.name, time: moment(standing.until, now), because: t(`chosen.${standing.chosen}`) })];
    case "hindered":
      return standing.hindrances.length === 0 ? [t("standing.free")] : standing.hindrances.map((each) => hindranceText(each, words));
  }
}

function hindranceText(hindrance: Hindrance, { t, moment, number, queue, now }: In): string {
  switch (hindrance.type) {
    case "unknown":
    case "inactive":
      return t(`hindrance.${hindrance.type}`);
    case "not_online":
      return t(`hindrance.${hindrance.presence}`);
    case "not_member":
      return t("hindrance.not_member", { queue: queue(hindrance.queue) });
    case "skill":
      return hindrance.has > 0 ? t("hindrance.skill_low", { skill: hindrance.skill, needs: hindrance.needs, has: hindrance.has }) : t("hindrance.skill_none", { skill: hindrance.skill, needs: hindrance.needs });
    case "capacity":
      return t("hindrance.capacity", { load: number(hindrance.load), capacity: number(hindrance.capacity), weight: number(hindrance.weight) });
    case "cap":
      return t("hindrance.cap", { kind: hindrance.kind, cap: hindrance.cap });
    case "reserved":
      return t("hindrance.reserved", { agent: hindrance.agent.name, time: moment(hindrance.until, now) });
    case "closed":
      return hindrance.until ? t("hindrance.closed_until", { time: moment(hindrance.until, now) }) : t("hindrance.closed");
    case "cooling_down":
      return t("hindrance.cooling_down", { time: moment(hindrance.until, now) });
  }
}

/** Whether an agent could take it at once, or is being asked. */
export function couldTake({ fits, standing }: { fits: boolean; standing: Standing }): boolean {
  return fits || (standing.type === "hindered" && standing.hindrances.length === 0);
}
