/** How failures reach the agent: a sentence, in place or as a passing notice. */

import { notifications } from "@mantine/notifications";
import { useCallback } from "react";
import { ApiError } from "../api/client";
import { useWords } from "../i18n";

/** The sentence for a failure. */
export function useComplaint(): (failure: unknown) => string {
  const { t } = useWords();
  return useCallback(
    (failure: unknown) => {
      if (failure instanceof ApiError) return failure.code === "unreachable" ? t("app.unreachable") : failure.message || failure.code;
      return String(failure);
    },
    [t],
  );
}

/** Shows a failure as a notice; an expired session shows itself. */
export function useComplain(): (failure: unknown) => void {
  const { t } = useWords();
  const complaint = useComplaint();
  return useCallback(
    (failure: unknown) => {
      if (failure instanceof ApiError && failure.status === 401) return;
      notifications.show({ color: "red", title: t("app.failed"), message: complaint(failure), role: "alert" });
    },
    [t, complaint],
  );
}
