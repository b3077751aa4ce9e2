/** For supervisors: who has it now is asked about first, the bot and a queue are not. */

import { Button, Group, Modal, Text, Tooltip } from "@mantine/core";
import { IconUserCheck } from "@tabler/icons-react";
import { useState } from "react";
import type { Conversation } from "../api/types";
import { useWords } from "../i18n";
import { takeOver } from "../store/actions";
import { useAct } from "./useAct";

export function TakeOver({ conversation }: { conversation: Conversation }) {
  const { t } = useWords();
  const { busy, act } = useAct();
  const [asking, setAsking] = useState(false);
  const take = () => void act(takeOver(conversation.id), t("conversation.taken_over")).then(() => setAsking(false));
  const agent = conversation.agent?.name ?? "";
  return (
    <>
      <Tooltip label={t("conversation.take_over_title")}>
        <Button size="xs" variant="default" leftSection={<IconUserCheck size={15} />} onClick={conversation.owner === "agent" ? () => setAsking(true) : take} disabled={busy} data-testid="take-over">
          {t("conversation.take_over")}
        </Button>
      </Tooltip>
      <Modal opened={asking && conversation.owner === "agent"} onClose={() => setAsking(false)} title={t("conversation.confirm_take", { agent })} size="sm" closeButtonProps={{ "aria-label": t("app.close_panel") }}>
        <Text size="sm" mb="md">
          {t("conversation.confirm_take_text", { agent })}
        </Text>
        <Group justify="flex-end">
          <Button variant="default" onClick={() => setAsking(false)}>
            {t("app.cancel")}
          </Button>
          <Button data-autofocus loading={busy} onClick={take} data-testid="take-over-confirm">
            {t("conversation.take_over")}
          </Button>
        </Group>
      </Modal>
    </>
  );
}
