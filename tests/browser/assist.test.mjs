/** What helps an agent: the summary, the suggestions, and the bot's actions in their own hands. */

import assert from "node:assert/strict";
import { after, before } from "node:test";

import { findings, judged } from "./axe.mjs";
import { count } from "./people.mjs";
import { Shop } from "./shop.mjs";
import { story } from "./story.mjs";

let shop;
before(async () => {
  shop = await Shop.open();
});
after(() => shop.close());
const beside = { files: () => shop.files };

/** A customer whom the bot has helped and who asked for a person, and the agent who took over. */
async function taken({ customer, agent }, says, options = {}) {
  const visitor = await customer(options);
  await visitor.openChat();
  for (const [index, words] of says.entries()) {
    await visitor.write(words);
    await visitor.bubbles("bot").nth(index).waitFor();
  }
  const colleague = await judged(await agent({ reducedMotion: "reduce", ...options }));
  await colleague.logIn();
  await colleague.goOnline();
  await colleague.accept();
  return { visitor, colleague };
}

const line = (colleague, kind) => colleague.find("assist-summary").locator(`[data-kind="${kind}"]`);
const field = (colleague, name) => colleague.page.locator(`[data-testid="action-field"][data-field="${name}"]`);
const action = (colleague, name) => colleague.page.locator(`[data-testid="action"][data-action="${name}"]`);

story("an agent reads what the bot did, looks an order up, and drafts the answer", async (stage) => {
  const { visitor, colleague } = await taken(stage, ["Where is my order A10023?", "I want to talk to a person. How do I return an item?"]);
  const { page } = colleague;
  await page.keyboard.press("Escape");
  await page.locator("body").click({ position: { x: 640, y: 400 } });
  await page.keyboard.press("s");
  await line(colleague, "action").filter({ hasText: "Order status: done." }).filter({ hasText: "A10023" }).waitFor();
  await line(colleague, "handed_over").waitFor();
  await colleague.find("passage").first().filter({ hasText: "return" }).waitFor();
  assert.deepEqual(await findings(page), [], "the assist panel");

  await page.keyboard.press("1");
  await colleague.find("draft-source").waitFor();
  assert.match(await colleague.find("composer").inputValue(), /30 days/);
  assert.equal(await visitor.bubbles("agent").count(), 0, "a draft is not sent");
  await colleague.find("composer").press("Enter");
  await visitor.said("agent", "30 days").waitFor();
  await colleague.entry("reply", "30 days").last().getByTestId("citation").waitFor();

  await action(colleague, "order-status").click();
  assert.equal(await field(colleague, "order").inputValue(), "A10023");
  await colleague.find("action-press").click();
  const result = colleague.find("action-result").first();
  await result.filter({ hasText: "Shipped" }).waitFor();
  await result.getByTestId("result-insert").click();
  assert.match(await colleague.find("composer").inputValue(), /A10023 is on its way/);
  await colleague.find("side-customer").click();
  await colleague.find("routed").waitFor();
}, beside);

story("预约：客服填表、确认，双击也只办一次", async (stage) => {
  const before = (await shop.effects()).length;
  const { visitor, colleague } = await taken(stage, ["转人工，我想预约"], { locale: "zh-CN", viewport: { width: 390, height: 844 } });
  const { page } = colleague;
  await page.setViewportSize({ width: 820, height: 1180 });
  await colleague.find("customer-toggle").click();
  await colleague.find("side-assist").click();
  await line(colleague, "wants").filter({ hasText: "转人工" }).waitFor();
  await action(colleague, "book-appointment").click();
  await field(colleague, "service").selectOption({ label: "维修" });
  await field(colleague, "day").fill(tomorrow());
  await page.waitForFunction(() => document.querySelector('[data-testid="action-field"][data-field="start"]')?.options.length > 1);
  await field(colleague, "start").selectOption({ index: 1 });
  await field(colleague, "name").fill("陈晓明");
  await field(colleague, "name").blur();
  await colleague.find("action-confirm").filter({ hasText: "姓名陈晓明，可以吗" }).waitFor();
  assert.deepEqual(await findings(page), [], "the form");
  await colleague.find("action-press").dblclick();
  const result = colleague.find("action-result").first();
  await result.filter({ hasText: "预约成功" }).waitFor();
  await count(colleague.find("action-result"), 1);
  assert.equal((await shop.effects()).length, before + 1);
  assert.equal(await visitor.bubbles("agent").count(), 0, "nothing is told by itself");
}, beside);

story("kill -9 while the shop books: it is booked once, and the agent sees it", async (stage) => {
  const before = (await shop.effects()).length;
  const { colleague } = await taken(stage, ["I want to talk to a person"]);
  await colleague.find("side-assist").click();
  await action(colleague, "book-appointment").click();
  await field(colleague, "service").selectOption("\"fitting\"");
  await field(colleague, "day").fill(tomorrow());
  await colleague.page.waitForFunction(() => document.querySelector('[data-testid="action-field"][data-field="start"]')?.options.length > 1);
  await field(colleague, "start").selectOption({ index: 2 });
  await field(colleague, "name").fill("Emma");
  await field(colleague, "name").press("Enter");
  await colleague.find("action-confirm").filter({ hasText: "under the name Emma" }).waitFor();
  await shop.fault({ path: "/appointments", kind: "late", seconds: 600, times: 1 });
  await colleague.find("action-press").click();
  await colleague.find("action-under-way").waitFor();
  await stage.daemon.kill();
  await colleague.find("reconnecting").waitFor();
  await stage.daemon.run();
  await colleague.find("action-result").filter({ hasText: "Booked" }).waitFor();
  await colleague.find("action-under-way").waitFor({ state: "detached" });
  assert.equal((await shop.effects()).length, before + 1, "one key, one appointment");
  await colleague.page.reload();
  await count(colleague.find("action-result"), 1);
}, beside);

function tomorrow() {
  const day = new Date(Date.now() + 86_400_000);
  return `${day.getFullYear()}-${String(day.getMonth() + 1).padStart(2, "0")}-${String(day.getDate()).padStart(2, "0")}`;
}
