import { expect, test } from "vitest";
import { linkify, safe } from "../src/linkify";

test.each([
  ["no link", []],
  ["see https://a.example/b.", ["https://a.example/b"]],
  ["(https://a.example/b)", ["https://a.example/b"]],
  ["https://en.wikipedia.org/wiki/Cat_(animal)", ["https://en.wikipedia.org/wiki/Cat_(animal)"]],
  ["请看 https://a.example/退货，谢谢", ["https://a.example/退货"]],
  ["见（https://a.example/b）。", ["https://a.example/b"]],
  ["http://a.example HTTPS://B.example/?q=1&r=[2]", ["http://a.example", "HTTPS://B.example/?q=1&r=[2]"]],
  ["javascript:alert(1) data:text/html,x ftp://a.example //a.example", []],
  ["javascript:https://a.example", ["https://a.example"]],
  ["https://a.example/\"onclick=alert(1)", ["https://a.example/"]],
  ["https://a.example/<script>", ["https://a.example/"]],
  ["https://", []],
  ["https://[", []],
])("the links of %s", (text, links) => {
  const pieces = linkify(text);
  expect(pieces.filter((piece) => piece.href).map((piece) => piece.text)).toEqual(links);
  expect(pieces.map((piece) => piece.text).join("")).toBe(text);
  for (const { href } of pieces) if (href) expect(new URL(href).protocol).toMatch(/^https?:$/);
});

test.each([")", ".", "(", "https://", "https://a.example/)."])("a hundred thousand of %s cost little", (part) => {
  const text = `https://a.example/${part.repeat(100_000)}x`;
  expect(linkify(text).map((piece) => piece.text).join("")).toBe(text);
});

test.each([
  ["https://a.example", true],
  ["javascript:alert(1)", false],
  ["java\nscript:alert(1)", false],
  ["/relative", false],
])("%s is safe: %s", (url, expected) => expect(safe(url) !== undefined).toBe(expected));
