import "./app/mantine.css";
import "@mantine/notifications/styles.css";
import "./app/base.css";
import { Notifications } from "@mantine/notifications";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app/App";
import { Themed } from "./app/Themed";
import { WordsProvider } from "./i18n";

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");

createRoot(root).render(
  <StrictMode>
    <WordsProvider>
      <Themed>
        <Notifications position="bottom-center" limit={3} autoClose={5_000} />
        <App />
      </Themed>
    </WordsProvider>
  </StrictMode>,
);
