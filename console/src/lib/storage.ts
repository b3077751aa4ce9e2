/** JSON in localStorage under `switchboard.…`. A browser that refuses storage costs persistence, nothing else. */

const prefix = "switchboard.";

export function stored<T>(key: string): T | undefined {
  try {
    const text = localStorage.getItem(prefix + key);
    return text === null ? undefined : (JSON.parse(text) as T);
  } catch {
    return undefined;
  }
}

/** Keeps `value`; `undefined` forgets. */
export function store(key: string, value: unknown): void {
  try {
    if (value === undefined) localStorage.removeItem(prefix + key);
    else localStorage.setItem(prefix + key, JSON.stringify(value));
  } catch {
    // Full or forbidden.
  }
}
