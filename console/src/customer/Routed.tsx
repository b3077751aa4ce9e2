import { Button, Tooltip } from "@mantine/core";
import { IconHelpHexagon, IconListDetails, IconUserQuestion } from "@tabler/icons-react";
import { useCallback } from "react";
import type { Handoff } from "../api/types";
import { useCommand } from "../app/hotkeys";
import { explain } from "../app/router";
import { useWords } from "../i18n";
import { PriorityPill } from "../left/ConversationList";
import { useQueueTitle } from "../left/Queues";
import { useStore } from "../store/store";

/** Why a person has this conversation: the handoff, and the way to the whole explanation. */
export function Routed({ conversation }: { conversation: string }) {
  const { t } = useWords();
  const detail = useStore((state) => state.details[conversation]);
  const journal = useStore((state) => state.journals[conversation]);
  const handoff = detail?.handoff;
  const decided = handoff?.decided_in ?? journal?.entries.findLast((entry) => entry.decision)?.id;
  const owner = useStore((state) => state.conversations[conversation]?.owner);
  const why = useCallback(() => decided && explain({ why: decided }), [decided]);
  useCommand("why", why);
  return (
    <section className="routed" data-testid="routed">
      <h3>{t("routed.title")}</h3>
      {handoff ? <HandoffText handoff={handoff} /> : detail && <p className="muted">{t("routed.none")}</p>}
      <div className="ways">
        {decided && (
          <>
            <Button size="compact-sm" variant="light" leftSection={<IconHelpHexagon size={15} />} onClick={why} aria-keyshortcuts="w" data-testid="explain">
              {t("routed.explain")}
            </Button>
            <Button size="compact-sm" variant="subtle" leftSection={<IconListDetails size={15} />} onClick={() => explain({ decisions: conversation })} data-testid="explain-all">
              {t("routed.decisions")}
            </Button>
          </>
        )}
        {(owner === "queue" || owner === "agent") && (
          <Button size="compact-sm" variant="subtle" leftSection={<IconUserQuestion size={15} />} onClick={() => explain({ candidates: conversation })} data-testid="who-could">
            {t("routed.candidates")}
          </Button>
        )}
      </div>
    </section>
  );
}

function HandoffText({ handoff }: { handoff: Handoff }) {
  const { t, duration } = useWords();
  const title = useQueueTitle();
  const relaxed = (steps: NonNullable<Handoff["skills"][number]["relax"]>) => [
    <div key="soft">{t("routed.skill_soft")}</div>,
    ...steps.map(({ after, min }) => (
      <div key={after}>{min ? t("routed.relaxes", { time: duration(after), min }) : t("routed.drops", { time: duration(after) })}</div>
    )),
  ];
  return (
    <>
      <p>
        <span className="pill warn">{title(handoff.queue)}</span> <PriorityPill priority={handoff.priority} />
      </p>
      <p>
        <bdi>{handoff.reason}</bdi>
      </p>
      {handoff.summary && handoff.summary !== handoff.reason && (
        <p className="foreign muted" dir="auto">
          {handoff.summary}
        </p>
      )}
      <dl className="pairs" style={{ marginBottom: 10 }}>
        {handoff.rule && (
          <>
            <dt>{t("routed.rule")}</dt>
            <dd>{handoff.rule}</dd>
          </>
        )}
        {handoff.skills.length > 0 && (
          <>
            <dt>{t("routed.skills")}</dt>
            <dd style={{ display: "flex", flexWrap: "wrap", gap: 4 }}>
              {handoff.skills.map(({ skill, min, hard, relax }) => (
                <Tooltip key={skill} label={hard ? t("routed.skill_hard") : relaxed(relax ?? [])}>
                  <span className={hard ? "pill accent" : "pill"} tabIndex={0}>
                    {t("routed.level", { skill, min })}
                  </span>
                </Tooltip>
              ))}
            </dd>
          </>
        )}
      </dl>
    </>
  );
}
