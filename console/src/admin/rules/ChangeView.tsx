import { Button } from "@mantine/core";
import type { Change, Example } from "../../api/admin";
import { explain } from "../../app/router";
import { useWords } from "../../i18n";
import { useQueueTitle } from "../../left/Queues";
import { Ago } from "../../lib/Age";
import { saidText } from "./report";

/** What a thing was and would be, in words. */
function useSaid(): (what: Change["what"], value: string) => string {
  const words = useWords();
  const queue = useQueueTitle();
  return (what, value) => saidText(what, value, words, queue);
}

/** One kind of change, with messages that it would happen to. */
export function ChangeView({ change }: { change: Change }) {
  const { t } = useWords();
  const say = useSaid();
  const { what, before, after, messages, examples } = change;
  return (
    <details className="change" data-testid="change">
      <summary>
        {before || after ? `${say(what, before)} → ${say(what, after)}` : t("report.other", { what: t(`aspect.${what}`) })} <span className="pill">{t("report.decisions", { n: messages })}</span>
      </summary>
      {examples.map((example) => (
        <ExampleView key={example.id} example={example} />
      ))}
    </details>
  );
}

function ExampleView({ example }: { example: Example }) {
  const { t } = useWords();
  const say = useSaid();
  return (
    <div className="example" data-testid="example">
      <div className="example-head">
        <bdi className="foreign" dir="auto">
          {example.text || t("journal.no_text")}
        </bdi>
        <Button size="compact-xs" variant="default" aria-label={t("report.explain_this", { text: example.text.slice(0, 60) })} onClick={() => explain({ why: example.id })} data-testid="example-explain">
          {t("report.explain")}
        </Button>
      </div>
      <div className="muted small">
        {example.channel} · <Ago at={example.at} />
      </div>
      <dl className="pairs">
        {example.differences.map(({ what, before, after }, index) => (
          <div key={index} style={{ display: "contents" }}>
            <dt>{t(`aspect.${what}`)}</dt>
            <dd>
              <del>{say(what, before)}</del> → <ins>{say(what, after)}</ins>
            </dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
