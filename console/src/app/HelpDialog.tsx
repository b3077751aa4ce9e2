import { Kbd, Modal } from "@mantine/core";
import { Fragment, useCallback, useState } from "react";
import { useWords } from "../i18n";
import { shortcuts, useCommand } from "./hotkeys";

export function HelpDialog() {
  const { t } = useWords();
  const [open, setOpen] = useState(false);
  useCommand("help", useCallback(() => setOpen(true), []));
  const rows = [
    ...shortcuts.map(({ keys, label }) => ({ keys: keys.split(" "), between: t("keys.then"), label: t(label) })),
    { keys: ["Enter"], between: "", label: t("keys.send") },
    { keys: ["Ctrl / ⌘", "Enter"], between: "+", label: t("keys.send") },
    { keys: ["Shift", "Enter"], between: "+", label: t("keys.newline") },
  ];
  return (
    <Modal opened={open} onClose={() => setOpen(false)} title={t("keys.title")} size={680} closeButtonProps={{ "aria-label": t("app.close_panel") }}>
      <p className="muted" style={{ marginTop: 0 }}>
        {t("keys.text")}
      </p>
      <dl className="keys">
        {rows.map(({ keys, between, label }) => (
          <div key={keys.join() + label}>
            <dt>
              {keys.map((key, index) => (
                <Fragment key={key}>
                  {index > 0 && <span className="muted small">{between}</span>}
                  <Kbd>{key}</Kbd>
                </Fragment>
              ))}
            </dt>
            <dd>{label}</dd>
          </div>
        ))}
      </dl>
    </Modal>
  );
}
