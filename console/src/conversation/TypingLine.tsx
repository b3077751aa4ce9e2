import { useWords } from "../i18n";
import { useNow } from "../lib/clock";
import { useStore } from "../store/store";

/** Says that the customer is writing. Its place is kept, so that nothing jumps. */
export function TypingLine({ conversation, customer }: { conversation: string; customer: string }) {
  const until = useStore((state) => state.typing[conversation] ?? 0);
  return (
    <div className="typing-line ellipsis" role="status" data-testid="typing">
      {until > 0 && <Typing until={until} customer={customer} />}
    </div>
  );
}

function Typing({ until, customer }: { until: number; customer: string }) {
  const { t } = useWords();
  const now = useNow("fine");
  return now < until ? t("journal.typing", { customer }) : null;
}
