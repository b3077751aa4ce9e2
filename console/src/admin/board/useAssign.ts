import { useCallback } from "react";
import type { Conversation } from "../../api/types";
import { useAct } from "../../conversation/useAct";
import { useWords } from "../../i18n";
import { useQueueTitle } from "../../left/Queues";
import { assign, transfer } from "../../store/actions";
import type { Destination } from "../../store/actions";
import { read } from "../../store/store";

export type Assign = (conversation: Conversation, to: Destination) => Promise<boolean>;

/** Gives a waiting conversation to an agent at once, or to another queue. `then` runs when it is done. */
export function useAssign(then: () => void): Assign {
  const { t } = useWords();
  const { act } = useAct();
  const title = useQueueTitle();
  return useCallback(
    async (conversation, to) => {
      if ("queue" in to && to.queue === conversation.queue) return true;
      const name = "agent" in to ? (read().agents[to.agent]?.name ?? to.agent) : title(to.queue);
      const change = "agent" in to ? assign(conversation.id, to.agent) : transfer(conversation.id, to, "");
      const done = await act(change, t("agent" in to ? "board.given" : "transfer.done", { to: name }));
      then();
      return done;
    },
    [act, t, title, then],
  );
}
