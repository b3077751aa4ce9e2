import { Alert, Button, PasswordInput, TextInput } from "@mantine/core";
import { useState } from "react";
import type { FormEvent } from "react";
import { ApiError } from "../api/client";
import { useWords } from "../i18n";
import { login, wasLogout } from "../store/session";
import { ColourSwitch, LanguageSwitch } from "./Appearance";
import { useComplaint } from "./complain";
import icon from "./icon.svg";

function Title() {
  const { t } = useWords();
  return (
    <>
      <div className="brand">
        <img src={icon} alt="" />
        {t("app.name")}
      </div>
      <h1>{t("login.title")}</h1>
    </>
  );
}

/** `expired`: there was a session on this page, which ended by itself. */
export function Login({ expired }: { expired: boolean }) {
  const { t } = useWords();
  const complaint = useComplaint();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [error, setError] = useState<string>();
  const [busy, setBusy] = useState(false);

  const said = (failure: unknown): string => {
    if (failure instanceof ApiError && failure.status === 401) return t("login.wrong");
    if (failure instanceof ApiError && failure.status === 429) return t("login.too_many", { n: failure.retryAfter ?? 60 });
    return complaint(failure);
  };

  const submit = (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    login(name.trim(), password).catch((failure: unknown) => {
      setError(said(failure));
      setBusy(false);
    });
  };

  return (
    <main className="login">
      <div className="tools">
        <LanguageSwitch />
        <ColourSwitch />
      </div>
      <form onSubmit={submit} data-testid="login-form">
        <Title />
        {expired && !wasLogout() && <Alert color="petrol">{t("login.expired")}</Alert>}
        <TextInput
          label={t("login.name")}
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          autoFocus
          required
          withAsterisk={false}
          data-testid="login-name"
        />
        <PasswordInput
          label={t("login.password")}
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
          autoComplete="current-password"
          required
          withAsterisk={false}
          data-testid="login-password"
        />
        {error && (
          <Alert color="red" role="alert" data-testid="login-error">
            {error}
          </Alert>
        )}
        <Button type="submit" loading={busy} data-testid="login-submit">
          {t("login.submit")}
        </Button>
        <p className="muted small" style={{ margin: 0 }}>
          {t("login.hint")}
        </p>
      </form>
    </main>
  );
}
