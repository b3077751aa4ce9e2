import { notifications } from "@mantine/notifications";
import { IconCheck } from "@tabler/icons-react";
import { useCallback, useState } from "react";
import { useComplain } from "../app/complain";

/** Runs a change: says `done` when it is, or why it is not. The answer is whether it worked. */
export function useAct(): { busy: boolean; act(change: Promise<void>, done: string): Promise<boolean> } {
  const complain = useComplain();
  const [busy, setBusy] = useState(false);
  const act = useCallback(
    async (change: Promise<void>, done: string) => {
      setBusy(true);
      try {
        await change;
        notifications.show({ message: done, color: "gray", icon: <IconCheck size={16} /> });
        return true;
      } catch (failure) {
        complain(failure);
        return false;
      } finally {
        setBusy(false);
      }
    },
    [complain],
  );
  return { busy, act };
}
