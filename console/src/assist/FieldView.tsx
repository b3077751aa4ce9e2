/** One input of an action. */

import { NativeSelect, TextInput } from "@mantine/core";
import { useEffect, useState } from "react";
import type { Field, Value } from "../api/assist";
import { useWords } from "../i18n";
import { choiceKey, choiceOf, fieldText } from "./form";

interface Props {
  field: Field;
  value: Value | undefined;
  change: (value: Value) => void;
  first: boolean;
}

export function FieldView({ field, value, change, first }: Props) {
  const { t } = useWords();
  const problem = field.problem && (field.says ?? t(`assist.problem_${field.problem}`));
  const shared = { label: field.title, error: problem, "data-testid": "action-field", "data-field": field.name, "data-autofocus": first || undefined };
  if (field.type !== "choice") return <Typed field={field} value={value} change={change} shared={shared} />;
  const choices = field.choices ?? [];
  const options = choices.map((choice) => ({ value: choiceKey(choice.value), label: choice.title }));
  const placeholder = { value: "", label: t(field.choices ? "assist.choose" : "assist.choose_later") };
  return (
    <NativeSelect
      {...shared}
      disabled={choices.length === 0}
      data={[placeholder, ...options]}
      value={field.value === undefined ? "" : choiceKey(field.value)}
      onChange={(event) => change(choiceOf(field, event.currentTarget.value))}
    />
  );
}

const types = { text: "text", number: "text", email: "email", phone: "tel", date: "date", moment: "datetime-local" } as const;

/** What is written is told when the field is left, or Enter pressed in it: half a number is none. */
function Typed({ field, value, change, shared }: Omit<Props, "first"> & { shared: object }) {
  const type = field.type === "choice" ? "text" : field.type;
  const known = fieldText(type, value);
  const [text, setText] = useState(known);
  useEffect(() => setText(known), [known]);
  const tell = () => text !== known && change(text.trim());
  const picked = type === "date" || type === "moment";
  return (
    <TextInput
      {...shared}
      type={types[type]}
      inputMode={type === "number" ? "decimal" : undefined}
      description={field.ask}
      value={text}
      onChange={(event) => {
        setText(event.currentTarget.value);
        if (picked) change(event.currentTarget.value);
      }}
      onBlur={tell}
      onKeyDown={(event) => {
        if (event.key !== "Enter" || event.nativeEvent.isComposing || text === known) return;
        event.preventDefault();
        tell();
      }}
      dir="auto"
    />
  );
}
