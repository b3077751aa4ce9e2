import { Loader } from "@mantine/core";
import { useEffect, useState } from "react";
import { useWords } from "../i18n";
import { useStore } from "../store/store";

/** A gap shorter than this is not worth a word, ms. */
const PATIENCE_MS = 1_500;

/** One calm line while the live connection is away. */
export function ReconnectingBar() {
  const { t } = useWords();
  const away = useStore((state) => state.link === "reconnecting");
  const [shown, setShown] = useState(false);
  useEffect(() => {
    if (!away) return setShown(false);
    const timer = window.setTimeout(() => setShown(true), PATIENCE_MS);
    return () => window.clearTimeout(timer);
  }, [away]);
  return (
    <div role="status">
      {shown && (
        <div className="reconnecting" data-testid="reconnecting">
          <Loader size={14} color="currentColor" />
          {t("app.reconnecting")}
        </div>
      )}
    </div>
  );
}
