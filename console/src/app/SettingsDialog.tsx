import { Alert, Button, Modal, PasswordInput, Stack, Switch } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useState } from "react";
import type { FormEvent } from "react";
import { useWords } from "../i18n";
import { allowDesktop } from "../lib/alerts";
import { changeSettings, useSettings } from "../lib/settings";
import { changePassword } from "../store/session";
import { useComplaint } from "./complain";

export function SettingsDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const { t } = useWords();
  return (
    <Modal opened={opened} onClose={onClose} title={t("settings.title")} closeButtonProps={{ "aria-label": t("app.close_panel") }}>
      <Stack>
        <AlertSwitches />
        <PasswordForm />
      </Stack>
    </Modal>
  );
}

function AlertSwitches() {
  const { t } = useWords();
  const settings = useSettings();
  const [denied, setDenied] = useState(false);
  const desktop = async (wanted: boolean) => {
    const allowed = wanted && (await allowDesktop());
    setDenied(wanted && !allowed);
    changeSettings({ desktop: allowed });
  };
  return (
    <>
      <Switch label={t("settings.sound")} checked={settings.sound} onChange={(event) => changeSettings({ sound: event.currentTarget.checked })} />
      <Switch label={t("settings.desktop")} checked={settings.desktop} onChange={(event) => void desktop(event.currentTarget.checked)} />
      {denied && <Alert color="orange">{t("settings.desktop_denied")}</Alert>}
    </>
  );
}

function PasswordForm() {
  const { t } = useWords();
  const complaint = useComplaint();
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [error, setError] = useState<string>();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    try {
      await changePassword(current, next);
      setCurrent("");
      setNext("");
      setError(undefined);
      notifications.show({ message: t("settings.password_saved"), color: "green" });
    } catch (failure) {
      setError(complaint(failure));
    }
  };
  return (
    <form onSubmit={(event) => void submit(event)}>
      <Stack gap="xs">
        <PasswordInput label={t("settings.current")} value={current} onChange={(event) => setCurrent(event.currentTarget.value)} autoComplete="current-password" required withAsterisk={false} />
        <PasswordInput label={t("settings.new")} value={next} onChange={(event) => setNext(event.currentTarget.value)} autoComplete="new-password" required withAsterisk={false} error={error} />
        <Button type="submit" variant="light" style={{ alignSelf: "flex-start" }}>
          {t("settings.password")}
        </Button>
      </Stack>
    </form>
  );
}
