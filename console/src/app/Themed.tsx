/** Mantine in the console's theme, and in the reader's language where it speaks by itself. */

import { localStorageColorSchemeManager, MantineProvider, mergeThemeOverrides } from "@mantine/core";
import { useMemo } from "react";
import type { ReactNode } from "react";
import { useWords } from "../i18n";
import { theme } from "./theme";

const colours = localStorageColorSchemeManager({ key: "switchboard.colours" });

export function Themed({ children }: { children: ReactNode }) {
  const { t } = useWords();
  const spoken = useMemo(() => mergeThemeOverrides(theme, { components: { Notification: { defaultProps: { closeButtonProps: { "aria-label": t("app.close_panel") } } } } }), [t]);
  return (
    <MantineProvider theme={spoken} defaultColorScheme="auto" colorSchemeManager={colours}>
      {children}
    </MantineProvider>
  );
}
