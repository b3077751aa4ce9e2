// Writes what the fuzz targets begin with: `node fuzz/seeds.mjs FOLDER`. Mails and updates are those of `channels/cases`,
// the words are those that the reader of replies knows.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [out] = process.argv.slice(2);
const root = join(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "..", "channels");

function write(target, name, bytes) {
  const folder = join(out, target);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), bytes);
}

/** `{"$repeat": ["x", 3]}` written out, but no longer than a fuzzer can use. */
function expanded(value) {
  if (Array.isArray(value)) return value.map(expanded);
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value.$repeat)) {
    const [what, times] = value.$repeat;
    const most = Math.min(times, 100);
    return typeof what === "string" ? what.repeat(most) : Array(most).fill(what);
  }
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, expanded(inner)]));
}

const mails = join(root, "cases/email");
for (const name of readdirSync(mails).filter((name) => name.endsWith(".eml"))) {
  const raw = readFileSync(join(mails, name));
  const said = JSON.parse(readFileSync(join(mails, name.replace(/eml$/, "json")), "utf8"));
  write("mail", name, raw);
  const end = raw.indexOf("\r\n\r\n") < 0 ? raw.indexOf("\n\n") : raw.indexOf("\r\n\r\n");
  write("reply", name, raw.subarray(end + 1));
  write("markup", name, said.text ?? "");
}

const updates = join(root, "cases/telegram");
for (const file of readdirSync(updates)) {
  JSON.parse(readFileSync(join(updates, file), "utf8")).forEach((row, number) => {
    const update = expanded(row.update);
    write("update", `${file}-${number}`, JSON.stringify(update));
    write("markup", `${file}-${number}`, update.message?.text ?? "");
  });
}

const marks = ["**bold** _it_ ~~old~~ `code`", "# Title\n\n1. one\n2. two\n   - in", "> quoted\n\n```rust\nlet x;\n```", "[a](https://a.example \"b\") ![c](x)", "|a|b|\n|-|-|\n|1|2|"];
marks.forEach((text, number) => write("markup", `marks-${number}`, text));

// The reader's own lists, as a dictionary of libFuzzer (https://llvm.org/docs/LibFuzzer.html#dictionaries).
const reader = readFileSync(join(root, "src/email/reply.rs"), "utf8").split("#[cfg(test)]")[0];
const pages = readFileSync(join(root, "src/markup/html.rs"), "utf8").split("impl TextDecorator")[0];
const words = new Set([...reader.matchAll(/^ {4}"(.+)",$/gm), ...pages.matchAll(/^ {4}"(.+)",$/gm)].map(([, word]) => word));
["\\n> ", "\\n-- \\n", "On ", "<br>", "<hr>", "<div class=", "<blockquote>", "<table><tr><td>", "<a href="].forEach((word) => words.add(word));
const quoted = (word) => {
  const text = word.replace(/\\u\{(\w+)\}/g, (_, code) => String.fromCodePoint(parseInt(code, 16))).replaceAll("\\n", "\n");
  const bytes = [...Buffer.from(text)].map((byte) => "\\x" + byte.toString(16).padStart(2, "0"));
  return `"${bytes.join("")}"`;
};
writeFileSync(join(out, "reply.dict"), [...words].map(quoted).join("\n") + "\n");
