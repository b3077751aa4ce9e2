import { Button, Kbd } from "@mantine/core";
import { IconMessages } from "@tabler/icons-react";
import { useWords } from "../i18n";
import { setPresence } from "../store/actions";
import { useStore } from "../store/store";
import { useComplain } from "./complain";

/** The middle while no conversation is chosen: what to do next. */
export function EmptyPane() {
  const { t } = useWords();
  const complain = useComplain();
  const presence = useStore((state) => state.me?.presence);
  return (
    <div className="empty-state" style={{ flex: 1 }}>
      <IconMessages size={44} stroke={1.3} />
      <h1>{t("empty.title")}</h1>
      {presence === "online" ? (
        <span>{t("empty.text")}</span>
      ) : (
        <>
          <span>{t("empty.offline", { presence: t(`presence.${presence ?? "offline"}`).toLowerCase() })}</span>
          <Button variant="light" size="xs" onClick={() => void setPresence("online").catch(complain)}>
            {t("lists.go_online")}
          </Button>
        </>
      )}
      <span className="small">
        {t("empty.shortcuts").split("?")[0]} <Kbd size="xs">?</Kbd> {t("empty.shortcuts").split("?")[1]}
      </span>
    </div>
  );
}
