/** The rule files of either set, to be read; the address says which file and line. */

import { Drawer, Group, SegmentedControl, Select } from "@mantine/core";
import { useCallback, useMemo } from "react";
import type { RuleBrief, RuleFiles, RuleSetName } from "../../api/admin";
import { get } from "../../api/client";
import { changeView, useView } from "../../app/router";
import { useWords } from "../../i18n";
import { useAnswer } from "../../lib/useLoad";
import { Answered } from "../Loaded";
import { SourceText } from "./SourceText";
import type { Mark } from "./source";

/** The file that stands for the first one, whichever that is. */
export const ANY_FILE = "*";

export const loadFiles = (set: RuleSetName) => get<RuleFiles>(`/rules/files?set=${set}`);

/** `candidate`: whether one loads. `hash`: of the set in force, so that its change is noticed. */
export function FilesDrawer({ rules, hash, candidate }: { rules: RuleBrief[]; hash: string; candidate: string | undefined }) {
  const { t } = useWords();
  const { file, set } = useView();
  const close = () => changeView({ file: undefined, line: undefined, set: undefined });
  const shown: RuleSetName = set === "candidate" && candidate ? "candidate" : "in_force";
  return (
    <Drawer opened={file !== undefined} onClose={close} position="right" size={820} title={t("rules.files")} closeButtonProps={{ "aria-label": t("app.close_panel") }} data-testid="rule-files">
      {candidate && (
        <SegmentedControl
          size="xs"
          mb="sm"
          value={shown}
          onChange={(value) => changeView({ set: value === "candidate" ? value : undefined, line: undefined })}
          aria-label={t("rules.hash")}
          data={(["in_force", "candidate"] as const).map((value) => ({ value, label: t(`rules.set_${value}`) }))}
        />
      )}
      {file !== undefined && <Files key={shown} set={shown} hash={shown === "candidate" ? candidate : hash} rules={shown === "candidate" ? [] : rules} />}
    </Drawer>
  );
}

function Files({ set, hash, rules }: { set: RuleSetName; hash: string | undefined; rules: RuleBrief[] }) {
  const { t } = useWords();
  const { file, line } = useView();
  // Another hash is another set of files.
  const from = useAnswer(useCallback(() => loadFiles(set), [set, hash]));
  const aim = Number(line) || undefined;
  const marks = useMemo((): Mark[] => {
    if (!aim) return [];
    const rule = rules.find((each) => each.file === file && each.line === aim);
    return [{ from: aim, to: rule?.last_line ?? aim, tone: "aim" }];
  }, [aim, file, rules]);
  return (
    <Answered from={from}>
      {({ items }) => {
        const shown = items.find(({ name }) => name === file) ?? items[0];
        return (
          <>
            <Group mb="sm">
              <Select
                data={items.map(({ name }) => name)}
                value={shown?.name ?? null}
                onChange={(name) => name && changeView({ file: name, line: undefined })}
                aria-label={t("rules.file")}
                allowDeselect={false}
                searchable={items.length > 15}
                w={320}
                maw="100%"
              />
            </Group>
            {shown && <SourceText key={shown.name} name={shown.name} set={set} text={shown.text} marks={shown.name === file ? marks : []} />}
          </>
        );
      }}
    </Answered>
  );
}
