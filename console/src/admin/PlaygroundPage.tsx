/** What the rules would do with a message, tried without sending it. */

import "../explain/explain.css";
import "./decisions/decisions.css";
import "./playground/playground.css";
import "../conversation/conversation.css";
import { Alert, Button, SegmentedControl } from "@mantine/core";
import { IconPlayerPlay } from "@tabler/icons-react";
import { useState } from "react";
import type { KeyboardEvent } from "react";
import type { RuleSetName, RulesStatus } from "../api/admin";
import { get } from "../api/client";
import type { Signals } from "../api/types";
import { useComplaint } from "../app/complain";
import { SignalChips } from "../conversation/SignalChips";
import type { FoundCustomer } from "../customer/FindCustomer";
import { outcomeText } from "../explain/destination";
import { useWords } from "../i18n";
import { useQueueTitle } from "../left/Queues";
import { useAnswer } from "../lib/useLoad";
import { Loaded } from "./Loaded";
import { CustomerPick } from "./playground/CustomerPick";
import { blank } from "./playground/given";
import type { Scene } from "./playground/given";
import { MessageField, SceneFields } from "./playground/SceneForm";
import { TriedView } from "./playground/TriedView";
import { useTry } from "./playground/useTry";
import type { Result } from "./playground/useTry";

const load = () => get<RulesStatus>("/rules");

const choices = { in_force: ["in_force"], candidate: ["candidate"], both: ["in_force", "candidate"] } satisfies Record<string, RuleSetName[]>;
type Choice = keyof typeof choices;

export function PlaygroundPage() {
  const { t } = useWords();
  const from = useAnswer(load);
  return (
    <Loaded title={t("admin.playground")} from={from}>
      {(status) => <Playground status={status} />}
    </Loaded>
  );
}

function Playground({ status }: { status: RulesStatus }) {
  const { t } = useWords();
  const complaint = useComplaint();
  const [scene, setScene] = useState<Scene>(blank);
  const [customer, setCustomer] = useState<FoundCustomer>();
  const [choice, setChoice] = useState<Choice>("in_force");
  const { busy, failure, results, run } = useTry();
  const candidate = status.candidate?.hash !== undefined;
  const sets = choices[candidate ? choice : "in_force"];
  const start = () => run(scene, customer?.id, sets);
  const set = (part: Partial<Scene>) => setScene((before) => ({ ...before, ...part }));
  const pressed = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.nativeEvent.isComposing) return;
    event.preventDefault();
    start();
  };
  return (
    <div className="playground">
      <div className="form" onKeyDown={pressed} data-testid="playground">
        <MessageField scene={scene} set={set} />
        <SceneFields scene={scene} set={set} rules={status.set} />
        <CustomerPick customer={customer} choose={setCustomer} />
        <div className="run-line">
          {candidate && (
            <SegmentedControl
              size="xs"
              value={choice}
              onChange={(value) => setChoice(value as Choice)}
              aria-label={t("rules.hash")}
              data={(["in_force", "candidate", "both"] as const).map((value) => ({ value, label: <span data-testid={`try-${value}`}>{t(value === "both" ? "playground.both" : `rules.set_${value}`)}</span> }))}
            />
          )}
          <Button leftSection={<IconPlayerPlay size={16} />} loading={busy} onClick={start} data-testid="try-run">
            {t("playground.run")}
          </Button>
          <span className="muted small">{t("playground.run_hint")}</span>
        </div>
      </div>
      {failure !== undefined && (
        <Alert color="red" role="alert" title={t("playground.refused")} data-testid="try-refused">
          {complaint(failure)}
        </Alert>
      )}
      <Results results={results} />
    </div>
  );
}

function Results({ results }: { results: Result[] }) {
  const words = useWords();
  const queue = useQueueTitle();
  const [first] = results;
  const differs = results.some(({ tried }) => tried.destination !== first?.tried.destination);
  return (
    <>
      <p className="hidden-visually" role="status">
        {results.map(({ tried }) => outcomeText(tried, words, queue)).join(" ")}
      </p>
      {first && <Understood signals={first.tried.signals} />}
      <div className={results.length > 1 ? "results two" : "results"}>
        {results.map((result) => (
          <TriedView key={result.set} result={result} titled={results.length > 1} differs={differs} />
        ))}
      </div>
    </>
  );
}

/** What was understood of the message: the same under all rule sets. */
function Understood({ signals }: { signals: Signals }) {
  const { t } = useWords();
  return (
    <section>
      <h2>{t("explain.signals")}</h2>
      <div className="pills" data-testid="tried-signals">
        <SignalChips signals={signals} all />
      </div>
    </section>
  );
}
