import { Button, SegmentedControl, Tooltip } from "@mantine/core";
import { IconCheck } from "@tabler/icons-react";
import { useState } from "react";
import type { Presence } from "../api/types";
import { useComplain } from "../app/complain";
import { useWords } from "../i18n";
import { becomeReady, setPresence } from "../store/actions";
import { useStore } from "../store/store";

const all: Presence[] = ["online", "away", "offline"];

export function PresenceSwitch() {
  const { t } = useWords();
  const complain = useComplain();
  const me = useStore((state) => state.me);
  const [wanted, setWanted] = useState<Presence>();
  if (!me) return null;
  const change = (value: string) => {
    setWanted(value as Presence);
    setPresence(value as Presence)
      .catch(complain)
      .finally(() => setWanted(undefined));
  };
  return (
    <Tooltip label={t("presence.load", { load: me.load, capacity: me.capacity })} openDelay={600}>
      <SegmentedControl
        fullWidth
        size="xs"
        value={wanted ?? me.presence}
        onChange={change}
        aria-label={t("presence.label")}
        data-testid="presence"
        data={all.map((presence) => ({
          value: presence,
          label: (
            <span data-testid={`presence-${presence}`}>
              <span className={`presence-dot ${presence}`} />
              {t(`presence.${presence}`)}
            </span>
          ),
        }))}
      />
    </Tooltip>
  );
}

/** For those who finish up what they closed: they can be asked again before the time for that is over. */
export function Ready() {
  const { t } = useWords();
  const complain = useComplain();
  const finishing = useStore((state) => state.me?.finishing_up ?? 0);
  const [busy, setBusy] = useState(false);
  if (finishing === 0) return null;
  const ready = () => {
    setBusy(true);
    becomeReady()
      .catch(complain)
      .finally(() => setBusy(false));
  };
  return (
    <Tooltip label={t("presence.finishing", { n: finishing })}>
      <Button size="compact-sm" variant="light" fullWidth mt={6} leftSection={<IconCheck size={14} />} loading={busy} onClick={ready} data-testid="ready">
        {t("presence.ready")}
      </Button>
    </Tooltip>
  );
}
