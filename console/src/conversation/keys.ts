/** When a key in the composer sends. Pure. */

export interface ComposerPress {
  key: string;
  shiftKey: boolean;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  isComposing: boolean;
  keyCode: number;
}

/**
 * Enter sends, Shift+Enter and Alt+Enter break the line, Ctrl+Enter and ⌘+Enter send too. Never while an input method
 * composes: then Enter chooses a word. Safari says so only by the key code 229.
 */
export function sends(press: ComposerPress): boolean {
  if (press.key !== "Enter" || press.isComposing || press.keyCode === 229) return false;
  return press.ctrlKey || press.metaKey || !(press.shiftKey || press.altKey);
}
