import { ActionIcon, Alert, Button, Skeleton, Tooltip } from "@mantine/core";
import { IconRefresh } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useComplaint } from "../app/complain";
import { useWords } from "../i18n";
import type { useAnswer } from "../lib/useLoad";

interface AnsweredProps<T> {
  from: Pick<ReturnType<typeof useAnswer<T>>, "answer" | "failure" | "again">;
  children: (answer: T) => ReactNode;
}

interface Props<T> extends AnsweredProps<T> {
  title: string;
  /** Beside the title. */
  actions?: ReactNode;
  /** Above the answer, whether it is there or not. */
  lead?: ReactNode;
}

/** A page of the administration: its title, and its answer once it is there. */
export function Loaded<T>({ title, from, actions, lead, children }: Props<T>) {
  const { t } = useWords();
  return (
    <>
      <div className="head">
        <h1>{title}</h1>
        <div style={{ display: "flex", gap: 8 }}>
          <Tooltip label={t("admin.refresh")}>
            <ActionIcon variant="default" size={36} aria-label={t("admin.refresh")} onClick={from.again}>
              <IconRefresh size={17} />
            </ActionIcon>
          </Tooltip>
          {actions}
        </div>
      </div>
      {lead}
      <Answered from={from}>{children}</Answered>
    </>
  );
}

/** An answer once it is there, or why it is not. */
export function Answered<T>({ from: { answer, failure, again }, children }: AnsweredProps<T>) {
  const { t } = useWords();
  const complaint = useComplaint();
  return (
    <>
      {failure !== undefined && (
        <Alert color="red" title={t("admin.failed")} mb="md" role="alert">
          {complaint(failure)}{" "}
          <Button size="compact-xs" variant="default" onClick={again}>
            {t("app.retry")}
          </Button>
        </Alert>
      )}
      {answer !== undefined ? children(answer) : failure === undefined && <Skeleton height={160} role="status" aria-label={t("app.loading")} />}
    </>
  );
}
