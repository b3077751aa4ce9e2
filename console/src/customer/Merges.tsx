import { Button, Tooltip } from "@mantine/core";
import { useState } from "react";
import type { Merge } from "../api/types";
import { useComplain } from "../app/complain";
import { useWords } from "../i18n";
import { Ago } from "../lib/Age";
import { useNow } from "../lib/clock";
import { undoMerge } from "../store/actions";
import { useStore } from "../store/store";
import type { KnownCustomer } from "./CustomerPane";

/** How this customer came together from several; supervisors can take it apart again. */
export function Merges({ customer }: { customer: KnownCustomer }) {
  const { t } = useWords();
  if (customer.merges.length === 0) return null;
  return (
    <section>
      <h3>{t("customer.merges")}</h3>
      {customer.merges.map((merge) => (
        <MergeLine key={merge.id} merge={merge} customer={customer.id} />
      ))}
    </section>
  );
}

function MergeLine({ merge, customer }: { merge: Merge; customer: string }) {
  const { t, relative } = useWords();
  const complain = useComplain();
  const now = useNow();
  const role = useStore((state) => state.me?.role);
  const [busy, setBusy] = useState(false);
  const undo = () => {
    setBusy(true);
    undoMerge(customer, merge.id)
      .catch(complain)
      .finally(() => setBusy(false));
  };
  return (
    <div style={{ display: "flex", alignItems: "center", gap: 8, padding: "4px 0", fontSize: 13 }}>
      <div style={{ minWidth: 0, flex: 1 }}>
        <code className="ellipsis" style={{ display: "block" }} title={merge.from}>
          {merge.from}
        </code>
        <div className="muted small foreign">
          {t("customer.merge_by", { identifier: merge.identifier })} · <Ago at={merge.at} />
          {merge.undone_at && ` · ${t("customer.undone", { time: relative(merge.undone_at, now) })}`}
        </div>
      </div>
      {role !== "agent" && !merge.undone_at && (
        <Tooltip label={t("customer.undo_merge_title")}>
          <Button size="compact-xs" variant="default" loading={busy} onClick={undo} data-testid="undo-merge">
            {t("customer.undo_merge")}
          </Button>
        </Tooltip>
      )}
    </div>
  );
}
