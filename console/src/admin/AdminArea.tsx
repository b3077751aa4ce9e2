/** The administration. The daemon enforces the roles; here they only decide what is shown. */

import "./admin.css";
import { Alert, Button } from "@mantine/core";
import { IconArrowLeft } from "@tabler/icons-react";
import type { ComponentType } from "react";
import type { Role } from "../api/types";
import { ReconnectingBar } from "../app/ReconnectingBar";
import { adminSections, go } from "../app/router";
import type { AdminSection } from "../app/router";
import { useWords } from "../i18n";
import { Offers } from "../left/Offers";
import "../left/left.css";
import { useStore } from "../store/store";
import { AgentsPage } from "./AgentsPage";
import { BoardPage } from "./BoardPage";
import { DeadPage } from "./DeadPage";
import { DecisionsPage } from "./DecisionsPage";
import { LedgerPage } from "./LedgerPage";
import { MeasuresPage } from "./MeasuresPage";
import { PlaygroundPage } from "./PlaygroundPage";
import { RulesPage } from "./RulesPage";
import { TokensPage } from "./TokensPage";

const pages: Record<AdminSection, { page: ComponentType; role: Role }> = {
  board: { page: BoardPage, role: "supervisor" },
  measures: { page: MeasuresPage, role: "admin" },
  decisions: { page: DecisionsPage, role: "supervisor" },
  rules: { page: RulesPage, role: "supervisor" },
  playground: { page: PlaygroundPage, role: "supervisor" },
  agents: { page: AgentsPage, role: "admin" },
  dead: { page: DeadPage, role: "supervisor" },
  ledger: { page: LedgerPage, role: "admin" },
  tokens: { page: TokensPage, role: "admin" },
};

const ranks: Role[] = ["agent", "supervisor", "admin"];
const may = (role: Role, needed: Role) => ranks.indexOf(role) >= ranks.indexOf(needed);

export default function AdminArea({ section }: { section: AdminSection }) {
  const { t } = useWords();
  const role = useStore((state) => state.me?.role ?? "agent");
  const { page: Page, role: needed } = pages[section];
  return (
    <div className="admin">
      <div className="bar">
        <ReconnectingBar />
      </div>
      <nav aria-label={t("admin.title")}>
        <Button variant="subtle" size="xs" justify="flex-start" leftSection={<IconArrowLeft size={15} />} onClick={() => go({ page: "home" })} mb={8} data-testid="admin-back">
          {t("admin.back")}
        </Button>
        {adminSections
          .filter((each) => may(role, pages[each].role))
          .map((each) => (
            <button key={each} type="button" className="plain nav-item" aria-current={each === section ? "page" : undefined} onClick={() => go({ page: "admin", section: each })} data-testid={`admin-${each}`}>
              {t(`admin.${each}`)}
            </button>
          ))}
        <Offers />
      </nav>
      <main id="middle" tabIndex={-1}>
        {may(role, needed) ? <Page /> : <Alert color="red">{t("admin.forbidden", { role: t(`role.${needed}`) })}</Alert>}
      </main>
    </div>
  );
}
