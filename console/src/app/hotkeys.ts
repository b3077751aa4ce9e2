/** Keyboard shortcuts: single keys and two-key sequences (`g m`), never while somebody writes or a dialog is open. */

import { useEffect } from "react";
import type { Key } from "../i18n/en";

export type Command =
  | "accept"
  | "decline"
  | "mine"
  | "queues"
  | "open"
  | "closed"
  | "next"
  | "previous"
  | "reply"
  | "note"
  | "close"
  | "bot"
  | "transfer"
  | "find"
  | "customer"
  | "assist"
  | "passage_1"
  | "passage_2"
  | "passage_3"
  | "why"
  | "help";

/** Every shortcut, in the order of the help dialog. */
export const shortcuts: { keys: string; command: Command; label: Key }[] = [
  { keys: "a", command: "accept", label: "keys.accept" },
  { keys: "d", command: "decline", label: "keys.decline" },
  { keys: "j", command: "next", label: "keys.next" },
  { keys: "k", command: "previous", label: "keys.previous" },
  { keys: "g m", command: "mine", label: "keys.mine" },
  { keys: "g q", command: "queues", label: "keys.queues" },
  { keys: "g o", command: "open", label: "keys.open" },
  { keys: "g c", command: "closed", label: "keys.closed" },
  { keys: "/", command: "find", label: "keys.find" },
  { keys: "r", command: "reply", label: "keys.reply" },
  { keys: "n", command: "note", label: "keys.note" },
  { keys: "e", command: "close", label: "keys.close" },
  { keys: "b", command: "bot", label: "keys.bot" },
  { keys: "t", command: "transfer", label: "keys.transfer" },
  { keys: "i", command: "customer", label: "keys.customer" },
  { keys: "s", command: "assist", label: "keys.assist" },
  { keys: "1", command: "passage_1", label: "keys.passage_1" },
  { keys: "2", command: "passage_2", label: "keys.passage_2" },
  { keys: "3", command: "passage_3", label: "keys.passage_3" },
  { keys: "w", command: "why", label: "keys.why" },
  { keys: "?", command: "help", label: "keys.help" },
];

/** How long the second key of a sequence may take, ms. */
const SEQUENCE_MS = 1_200;

/** The part of a keyboard event that decides. */
export interface Press {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  isComposing: boolean;
  repeat: boolean;
}

/** Reads presses one by one; `now` in ms. */
export class KeyReader {
  private first: { key: string; at: number } | undefined;

  read(press: Press, now: number): Command | undefined {
    if (press.ctrlKey || press.metaKey || press.altKey || press.isComposing) return undefined;
    const pending = this.first && now - this.first.at <= SEQUENCE_MS ? this.first.key : undefined;
    this.first = undefined;
    const keys = pending ? `${pending} ${press.key}` : press.key;
    const found = shortcuts.find((shortcut) => shortcut.keys === keys);
    if (found) return press.repeat && found.command !== "next" && found.command !== "previous" ? undefined : found.command;
    if (!pending && shortcuts.some((shortcut) => shortcut.keys.startsWith(`${press.key} `))) this.first = { key: press.key, at: now };
    return undefined;
  }
}

/** Whether keys belong to the element: a field, or anything in an open dialog or menu. */
export function writes(element: Element | null): boolean {
  return !!element?.closest("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable=''], [contenteditable=true], [role=dialog], [role=menu], [role=listbox]");
}

type Handler = () => void;
const handlers = new Map<Command, Handler[]>();

/** Runs the newest handler of a command, as a press of its key does. */
export function run(command: Command): boolean {
  const handler = handlers.get(command)?.at(-1);
  handler?.();
  return handler !== undefined;
}

/** Answers a command while the component is there and has a handler for it. */
export function useCommand(command: Command, handler: Handler | undefined): void {
  useEffect(() => {
    if (!handler) return undefined;
    handlers.set(command, [...(handlers.get(command) ?? []), handler]);
    return () => {
      handlers.set(command, (handlers.get(command) ?? []).filter((each) => each !== handler));
    };
  }, [command, handler]);
}

/** Listens for the whole page; to be used once. */
export function useKeyboard(): void {
  useEffect(() => {
    const reader = new KeyReader();
    const pressed = (event: KeyboardEvent) => {
      if (event.defaultPrevented || writes(document.activeElement) || document.querySelector("[role=dialog]")) return;
      const command = reader.read(event, performance.now());
      if (command && run(command)) event.preventDefault();
    };
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  }, []);
}
