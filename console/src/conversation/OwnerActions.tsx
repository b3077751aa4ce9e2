/** What changes who answers a conversation. */

import { Button, Group, Modal, Text, Tooltip } from "@mantine/core";
import { IconCheck, IconRobot } from "@tabler/icons-react";
import { useCallback, useState } from "react";
import type { Conversation } from "../api/types";
import { useCommand } from "../app/hotkeys";
import { useWords } from "../i18n";
import { closeConversation, returnToBot } from "../store/actions";
import { hasDraft } from "../store/drafts";
import { useStore } from "../store/store";
import { TakeOver } from "./TakeOver";
import { Transfer } from "./Transfer";
import { useAct } from "./useAct";

export function OwnerActions({ conversation }: { conversation: Conversation }) {
  const me = useStore((state) => state.me);
  if (!me || conversation.owner === "closed") return null;
  const mine = conversation.owner === "agent" && conversation.agent?.id === me.id;
  const supervises = me.role !== "agent";
  return (
    <>
      {supervises && !mine && <TakeOver conversation={conversation} />}
      {(supervises || mine) && <Transfer conversation={conversation} />}
      {mine && <GiveBack id={conversation.id} />}
      {mine && <Close id={conversation.id} />}
    </>
  );
}

function GiveBack({ id }: { id: string }) {
  const { t } = useWords();
  const { busy, act } = useAct();
  const give = useCallback(() => void act(returnToBot(id), t("conversation.returned")), [id, act, t]);
  useCommand("bot", give);
  return (
    <Tooltip label={t("conversation.bot_title")}>
      <Button size="xs" variant="default" leftSection={<IconRobot size={15} />} onClick={give} disabled={busy} aria-keyshortcuts="b" data-testid="return-to-bot">
        {t("conversation.bot")}
      </Button>
    </Tooltip>
  );
}

function Close({ id }: { id: string }) {
  const { t } = useWords();
  const { busy, act } = useAct();
  const [asking, setAsking] = useState(false);
  const ask = useCallback(() => setAsking(true), []);
  useCommand("close", ask);
  const close = () => void act(closeConversation(id), t("conversation.closed")).then(() => setAsking(false));
  return (
    <>
      <Tooltip label={t("conversation.close_title")}>
        <Button size="xs" variant="default" leftSection={<IconCheck size={15} />} onClick={ask} disabled={busy} aria-keyshortcuts="e" data-testid="close">
          {t("conversation.close")}
        </Button>
      </Tooltip>
      <Modal opened={asking} onClose={() => setAsking(false)} title={t("conversation.confirm_close")} size="sm" closeButtonProps={{ "aria-label": t("app.close_panel") }}>
        <Text size="sm" mb="md">
          {t("conversation.confirm_close_text")} {hasDraft(id) && t("conversation.confirm_draft")}
        </Text>
        <Group justify="flex-end">
          <Button variant="default" onClick={() => setAsking(false)}>
            {t("app.cancel")}
          </Button>
          <Button data-autofocus loading={busy} onClick={close} data-testid="close-confirm">
            {t("conversation.close")}
          </Button>
        </Group>
      </Modal>
    </>
  );
}
