/** The rules that ship, as files beside a daemon. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const SHIPPED = join(import.meta.dirname, "../../routing-rules");

/** The shipped rules, below a folder, with some words of some files replaced by others. */
export function rules(folder, changes = {}) {
  const paths = readdirSync(SHIPPED, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    paths.map(({ parentPath, name }) => {
      const path = join(parentPath, name).slice(SHIPPED.length + 1);
      const text = readFileSync(join(parentPath, name), "utf8");
      return [`${folder}/${path}`, (changes[name] ?? []).reduce((changed, [before, after]) => changed.replaceAll(before, after), text)];
    }),
  );
}
