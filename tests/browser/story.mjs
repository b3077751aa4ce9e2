/** One test: a daemon, a browser, and the people in it. What went wrong is kept in `failures/`. */

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { Daemon } from "./daemon.mjs";
import { Agent, Customer, openBrowser } from "./people.mjs";

const FAILURES = join(import.meta.dirname, "failures");
/** Milliseconds that a whole story may take. */
const STORY_WITHIN = 180_000;

let browser;
before(async () => {
  browser = await openBrowser();
});
after(() => browser.close());

/**
 * A test with its own daemon, beside which `files` (or what they give when the test begins) stand by their paths. `tell` gets `daemon`, `customer(options)` and `agent(options)`, which open pages; an
 * error that a page's script does not catch fails the test.
 */
export function story(name, tell, { files } = {}) {
  test(name, { timeout: STORY_WITHIN }, async () => {
    const daemon = await Daemon.start(undefined, typeof files === "function" ? files() : files);
    const pages = [];
    const defects = [];
    const watch = (person) => {
      pages.push(person.page);
      person.page.on("pageerror", (error) => defects.push(error));
      return person;
    };
    const stage = {
      daemon,
      customer: async (options) => watch(await Customer.visit(browser, daemon, options)),
      agent: async (options) => watch(await Agent.visit(browser, daemon, options)),
    };
    try {
      await tell(stage);
      assert.deepEqual(defects, [], "a page's script failed");
    } catch (error) {
      await keep(name, daemon, pages);
      throw error;
    } finally {
      await Promise.all(pages.map((page) => page.context().close()));
      await daemon.stop();
    }
  });
}

async function keep(name, daemon, pages) {
  const file = join(FAILURES, name.replaceAll(/[^\p{L}\p{N}]+/gu, "-"));
  mkdirSync(FAILURES, { recursive: true });
  writeFileSync(`${file}.log`, daemon.log);
  await Promise.all(pages.map((page, index) => page.screenshot({ path: `${file}-${index}.png` }).catch(() => undefined)));
  console.error(`Pictures of the pages and the daemon's log: ${file}*`);
}
