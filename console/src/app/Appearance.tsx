/** The switches for language and colours. */

import { ActionIcon, Menu, useMantineColorScheme } from "@mantine/core";
import type { MantineColorScheme } from "@mantine/core";
import { IconDeviceDesktop, IconLanguage, IconMoon, IconSun } from "@tabler/icons-react";
import { useWords } from "../i18n";
import type { Choice } from "../i18n";
import type { Key } from "../i18n/en";

const schemes: [MantineColorScheme, Key, typeof IconSun][] = [
  ["auto", "menu.auto", IconDeviceDesktop],
  ["light", "menu.light", IconSun],
  ["dark", "menu.dark", IconMoon],
];

export function LanguageItems() {
  const { t, choice, choose } = useWords();
  const choices: [Choice, string, string | undefined][] = [
    ["auto", t("menu.auto"), undefined],
    ["en", "English", "en"],
    ["zh", "简体中文", "zh-Hans"],
  ];
  return (
    <Menu.RadioGroup value={choice} onChange={(value) => choose(value as Choice)}>
      {choices.map(([value, label, lang]) => (
        <Menu.RadioItem key={value} value={value} lang={lang} data-testid={`language-${value}`}>
          {label}
        </Menu.RadioItem>
      ))}
    </Menu.RadioGroup>
  );
}

export function ColourItems() {
  const { t } = useWords();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Menu.RadioGroup value={colorScheme} onChange={(value) => setColorScheme(value as MantineColorScheme)}>
      {schemes.map(([value, label, Icon]) => (
        <Menu.RadioItem key={value} value={value} rightSection={<Icon size={15} />} data-testid={`colours-${value}`}>
          {t(label)}
        </Menu.RadioItem>
      ))}
    </Menu.RadioGroup>
  );
}

export function LanguageSwitch() {
  const { t } = useWords();
  return (
    <Menu position="bottom-end" withinPortal={false} withInitialFocusPlaceholder={false}>
      <Menu.Target>
        <ActionIcon variant="default" size="lg" aria-label={t("menu.language")}>
          <IconLanguage size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <LanguageItems />
      </Menu.Dropdown>
    </Menu>
  );
}

export function ColourSwitch() {
  const { t } = useWords();
  return (
    <Menu position="bottom-end" withinPortal={false} withInitialFocusPlaceholder={false}>
      <Menu.Target>
        <ActionIcon variant="default" size="lg" aria-label={t("menu.colours")}>
          <IconSun size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <ColourItems />
      </Menu.Dropdown>
    </Menu>
  );
}
