/** Why a conversation waits, in one sentence. It never says more than the counts prove: one member may be hindered twice. Pure. */

import type { Waits } from "../../api/admin";
import type { Words } from "../../i18n";

export interface In extends Pick<Words, "t" | "moment" | "number" | "language"> {
  /** ms */
  now: number;
}

type Said = string | undefined;

export function reasonText(waits: Waits, words: In): string {
  const { t } = words;
  return held(waits, words) ?? nobody(waits, words) ?? some(waits, words) ?? t("reason.soon");
}

/** It is somebody's already, or may not be offered at all. */
function held({ offered, kept_for, closed_until }: Waits, { t, moment, now }: In): Said {
  if (offered) return t("reason.offered", { agent: offered.agent.name, time: moment(offered.until, now) });
  if (closed_until !== undefined) return closed_until === null ? t("reason.closed") : t("reason.closed_until", { time: moment(closed_until, now) });
  return kept_for && t("reason.kept", { agent: kept_for.agent.name, time: moment(kept_for.until, now) });
}

/** One thing that keeps everybody from it. */
function nobody({ members, hindered, missing }: Waits, { t, language }: In): Said {
  if (members === 0) return t("reason.no_members");
  const online = members - hindered.not_online;
  if (online <= 0) return t("reason.all_offline", { n: members });
  const lacking = missing.find(({ have }) => have === 0);
  if (lacking) return t("reason.nobody_has", { n: online, skill: lacking.skill, level: lacking.needs });
  if (hindered.skill >= members) return t("reason.nobody_has_all", { n: members, skills: skillsOf(missing, language) });
  if (hindered.capacity >= members) return t("reason.all_full", { n: members });
  if (hindered.cooling_down >= members) return t("reason.all_cooling", { n: members });
  return undefined;
}

/** Several things that keep some of them from it. */
function some({ members, hindered, missing }: Waits, { t, language }: In): Said {
  const parts = (["not_online", "skill", "capacity", "cooling_down"] as const)
    .filter((name) => hindered[name] > 0)
    .map((name) => t(`reason.some_${name}`, { n: hindered[name], skills: skillsOf(missing, language) }));
  if (parts.length === 0) return undefined;
  return t("reason.some", { n: members, parts: parts.join(language === "zh" ? "，" : ", ") });
}

const skillsOf = (missing: Waits["missing"], language: In["language"]): string => missing.map(({ skill, needs }) => `${skill} ≥ ${needs}`).join(language === "zh" ? "、" : ", ");
