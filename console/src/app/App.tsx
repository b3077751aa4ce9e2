/** The session: nothing until it is known, the login without one, the console with one. */

import { Button, Loader } from "@mantine/core";
import { useCallback, useEffect, useRef, useState } from "react";
import { useWords } from "../i18n";
import { restore } from "../store/session";
import { useStore } from "../store/store";
import { Login } from "./Login";
import { Shell } from "./Shell";
import { Trouble } from "./Trouble";

type Start = "asking" | "known" | "unreachable";

export function App() {
  const { t } = useWords();
  const signedIn = useStore((state) => state.me !== null);
  const [start, setStart] = useState<Start>("asking");
  const wasIn = useRef(false);
  if (signedIn) wasIn.current = true;

  const ask = useCallback(() => {
    setStart("asking");
    restore().then(
      () => setStart("known"),
      () => setStart("unreachable"),
    );
  }, []);
  useEffect(ask, [ask]);

  if (signedIn)
    return (
      <Trouble text={t("app.broken")} action={t("app.reload")}>
        <Shell />
      </Trouble>
    );
  if (start === "asking")
    return (
      <div className="spin-page">
        <Loader role="status" aria-label={t("app.loading")} />
      </div>
    );
  if (start === "unreachable")
    return (
      <main className="spin-page">
        <div className="empty-state" role="alert">
          <strong>{t("app.unreachable")}</strong>
          <Button onClick={ask}>{t("app.retry")}</Button>
        </div>
      </main>
    );
  return <Login expired={wasIn.current} />;
}
