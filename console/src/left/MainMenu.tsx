import { ActionIcon, Menu } from "@mantine/core";
import { IconKeyboard, IconLogout, IconSearch, IconSettings, IconShieldCog, IconUserCircle } from "@tabler/icons-react";
import { useState } from "react";
import { ColourItems, LanguageItems } from "../app/Appearance";
import { run } from "../app/hotkeys";
import { go } from "../app/router";
import { SettingsDialog } from "../app/SettingsDialog";
import { useWords } from "../i18n";
import { logout } from "../store/session";
import { useStore } from "../store/store";

/** Opens a dialog once the menu has given the focus back. */
const soon = (then: () => void) => window.setTimeout(then, 80);

export function MainMenu() {
  const { t } = useWords();
  const me = useStore((state) => state.me);
  const [settings, setSettings] = useState(false);
  if (!me) return null;
  return (
    <>
      <Menu position="bottom-end" width={230} withinPortal={false} withInitialFocusPlaceholder={false}>
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" size={30} aria-label={t("menu.label")} data-testid="menu">
            <IconUserCircle size={20} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>
            <bdi>{me.name}</bdi> · {t(`role.${me.role}`)}
          </Menu.Label>
          <Menu.Item leftSection={<IconSearch size={16} />} onClick={() => soon(() => run("find"))}>
            {t("menu.find")}
          </Menu.Item>
          <Menu.Item leftSection={<IconSettings size={16} />} onClick={() => soon(() => setSettings(true))} data-testid="menu-settings">
            {t("menu.settings")}
          </Menu.Item>
          {me.role !== "agent" && (
            <Menu.Item leftSection={<IconShieldCog size={16} />} onClick={() => go({ page: "admin", section: me.role === "admin" ? "agents" : "board" })} data-testid="menu-admin">
              {t("menu.admin")}
            </Menu.Item>
          )}
          <Menu.Item leftSection={<IconKeyboard size={16} />} onClick={() => soon(() => run("help"))} data-testid="menu-help">
            {t("menu.help")}
          </Menu.Item>
          <Menu.Divider />
          <Menu.Label>{t("menu.colours")}</Menu.Label>
          <ColourItems />
          <Menu.Label>{t("menu.language")}</Menu.Label>
          <LanguageItems />
          <Menu.Divider />
          <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => void logout()} data-testid="logout">
            {t("menu.logout")}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <SettingsDialog opened={settings} onClose={() => setSettings(false)} />
    </>
  );
}
