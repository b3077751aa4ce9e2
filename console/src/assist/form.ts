/** What an action's form holds between two answers of the daemon. Pure. */

import type { Field, Value } from "../api/assist";
import type { Entry, EntryEvent } from "../api/types";

export type Given = Record<string, Value>;

/** What the daemon knows, as the fields show it at first. */
export function givenOf(fields: Field[]): Given {
  return Object.fromEntries(fields.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])));
}

/** One field changed; what is empty is not given. */
export function withValue(given: Given, name: string, value: Value): Given {
  const { [name]: _, ...others } = given;
  return value === "" || value === null ? others : { ...others, [name]: value };
}

/** What a field of the browser shows for a value: `datetime-local` knows no seconds and no offset. */
export function fieldText(type: Field["type"], value: Value | undefined): string {
  if (value === undefined || value === null) return "";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return type === "moment" && /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(text) ? text.slice(0, 16) : text;
}

/** The name under which a browser's list knows a choice. */
export const choiceKey = (value: Value): string => JSON.stringify(value);

export function choiceOf(field: Field, key: string): Value {
  return field.choices?.find(({ value }) => choiceKey(value) === key)?.value ?? "";
}

export type Acted = Extract<EntryEvent, { type: "agent_acted" }>;

/** What came of the last actions of agents, newest first. */
export function actedIn(entries: Entry[], most: number): { id: string; at: string; event: Acted }[] {
  const acted = entries.flatMap(({ id, at, event }) => (event?.type === "agent_acted" ? [{ id, at, event }] : []));
  return acted.reverse().slice(0, most);
}

/** One output as a line or two of text. */
export function outputText(value: Value): string {
  if (Array.isArray(value)) return value.map(outputText).join("\n");
  if (value !== null && typeof value === "object")
    return Object.entries(value)
      .map(([name, each]) => `${name}: ${outputText(each)}`)
      .join(", ");
  return value === null ? "–" : String(value);
}
