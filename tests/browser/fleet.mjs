/**
 * Pages of several daemons: a customer's from one, an agent's from another, the desk on a third one, which is killed. Run by the story of that name
 * in tests/it, which has the daemons: it gives their addresses and the admin's password, and kills when it is told so.
 */

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { Agent, count, Customer, openBrowser } from "./people.mjs";

const [customers, agents] = process.env.PAGES.split(" ").map((url) => ({ url, password: process.env.PASSWORD }));
const browser = await openBrowser();
const defects = [];
const pages = [];
const watch = (person) => {
  pages.push(person.page);
  person.page.on("pageerror", (error) => defects.push(error));
  return person;
};

try {
  const visitor = watch(await Customer.visit(browser, customers));
  await visitor.openChat();
  await visitor.write("How do I return an item?");
  await visitor.said("bot", "30 days").waitFor();
  await visitor.write("I want to talk to a person");
  await visitor.said("bot", "number 1 in line").waitFor();
  await visitor.status("next in line").waitFor();

  const colleague = watch(await Agent.visit(browser, agents));
  await colleague.logIn();
  await colleague.goOnline();
  await colleague.accept();
  await visitor.status("You are talking with").waitFor();
  await colleague.entry("reply", "30 days").waitFor();
  await colleague.reply("Hello from another daemon");
  await visitor.said("agent", "Hello from another daemon").waitFor();
  await visitor.write("I hear you");
  await colleague.entry("message", "I hear you").waitFor();

  console.log("kill the desk");
  await once(process.stdin, "data");
  await visitor.write("Are you still there?");
  await colleague.entry("message", "Are you still there?").waitFor();
  await colleague.reply("Nothing has happened here");
  await visitor.said("agent", "Nothing has happened here").waitFor();
  await colleague.close();
  await visitor.status("closed").waitFor();

  // Whoever has the desk now offers the next one, and nobody has come online anew.
  const other = watch(await Customer.visit(browser, customers, { locale: "zh-CN" }));
  await other.openChat();
  await other.write("我要找人工客服");
  await colleague.find("offer").filter({ hasText: "我要找人工客服" }).waitFor({ timeout: 60_000 });
  await colleague.accept();
  await colleague.entry("message", "我要找人工客服").waitFor();
  await colleague.reply("您好");
  await other.said("agent", "您好").waitFor();

  await visitor.page.reload();
  await visitor.online();
  await count(visitor.bubbles("mine"), 4);
  await count(visitor.bubbles("agent"), 2);
  assert.deepEqual(defects, [], "a page's script failed");
} catch (error) {
  const failures = join(import.meta.dirname, "failures");
  mkdirSync(failures, { recursive: true });
  await Promise.all(pages.map((page, at) => page.screenshot({ path: join(failures, `fleet-${at}.png`) }).catch(() => undefined)));
  console.error(`Pictures of the pages: ${failures}`);
  throw error;
} finally {
  await browser.close();
  process.stdin.destroy();
}
