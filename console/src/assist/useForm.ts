import { useCallback, useEffect, useRef, useState } from "react";
import { act, fillIn } from "../api/assist";
import type { ActionBrief, ActionForm, Value } from "../api/assist";
import { ApiError } from "../api/client";
import { useComplaint } from "../app/complain";
import { useWords } from "../i18n";
import { newId } from "../store/outbox";
import { givenOf, withValue } from "./form";
import type { Given } from "./form";

/** What is given now, and under which id pressing it is once: another form is another act. */
interface Now {
  given: Given | undefined;
  checked: boolean;
  client_id: string;
}

/** The form of an action as the daemon sees it: asked again with each change, the last question wins. */
export function useForm(conversation: string, action: ActionBrief, done: () => void) {
  const { language } = useWords();
  const complaint = useComplaint();
  const [form, setForm] = useState<ActionForm>();
  const [given, setGiven] = useState<Given>({});
  const [busy, setBusy] = useState(false);
  const [pressing, setPressing] = useState(false);
  const [failure, setFailure] = useState<string>();
  const now = useRef<Now>({ given: undefined, checked: false, client_id: newId() });
  const asked = useRef(0);

  const ask = useCallback(
    async (change: Partial<Now>) => {
      now.current = { ...now.current, ...change, client_id: newId() };
      const turn = ++asked.current;
      setBusy(true);
      try {
        const inputs = now.current.given;
        const answer = await fillIn(conversation, action.name, { ...(inputs ? { inputs } : {}), checked: now.current.checked, language });
        if (turn !== asked.current) return;
        setForm(answer);
        setFailure(undefined);
        // What was written and does not fit stays to be mended.
        now.current.given = { ...inputs, ...givenOf(answer.inputs) };
        setGiven(now.current.given);
      } catch (error) {
        if (turn === asked.current) setFailure(complaint(error));
      } finally {
        if (turn === asked.current) setBusy(false);
      }
    },
    [conversation, action.name, language, complaint],
  );
  useEffect(() => {
    void ask({});
  }, [ask]);

  const change = useCallback(
    (name: string, value: Value) => {
      const next = withValue(now.current.given ?? {}, name, value);
      setGiven(next);
      void ask({ given: next });
    },
    [ask],
  );
  const check = useCallback((checked: boolean) => void ask({ checked }), [ask]);

  const press = useCallback(async () => {
    if (!form?.ready || busy || pressing) return;
    const { given: inputs = {}, checked, client_id } = now.current;
    setPressing(true);
    try {
      await act(conversation, action.name, { inputs, checked, language, confirmed: form.confirm ?? "", client_id });
      done();
    } catch (error) {
      // Where it is not known whether this one arrived, pressed again it is the same act.
      if (error instanceof ApiError && !error.passes) await ask({});
      setFailure(complaint(error));
    } finally {
      setPressing(false);
    }
  }, [form, busy, pressing, conversation, action.name, language, done, complaint, ask]);

  return { form, given, busy, failure, change, check, press: () => void press(), pressing };
}
