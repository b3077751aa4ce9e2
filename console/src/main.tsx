import "./app/mantine.css";
import "@mantine/notifications/styles.css";
import "./app/base.css";
import { localStorageColorSchemeManager, MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app/App";
import { theme } from "./app/theme";
import { WordsProvider } from "./i18n";

const colours = localStorageColorSchemeManager({ key: "switchboard.colours" });
const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");

createRoot(root).render(
  <StrictMode>
    <MantineProvider theme={theme} defaultColorScheme="auto" colorSchemeManager={colours}>
      <WordsProvider>
        <Notifications position="bottom-center" limit={3} autoClose={5_000} />
        <App />
      </WordsProvider>
    </MantineProvider>
  </StrictMode>,
);
