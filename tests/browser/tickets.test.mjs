/** The page of a ticket as customers see it, and the number as agents do. */

import assert from "node:assert/strict";

import { findings, judged } from "./axe.mjs";
import { story } from "./story.mjs";

for (const [colorScheme, asks, locale, standing, says] of [
  ["light", "I want to talk to a person", "en-GB", "In the queue", "Your ticket is #10001"],
  ["dark", "我要转人工客服", "zh-CN", "排队中", "您的工单号是 #10001"],
]) {
  story(`a customer opens the page of their ticket from the chat, in ${locale} and ${colorScheme} colours`, async ({ daemon, customer }) => {
    const visitor = await customer({ colorScheme, locale });
    await visitor.openChat();
    await visitor.write(asks);
    await visitor.said("bot", says).waitFor();
    const link = visitor.bubbles("bot").locator("a[href*='/t/']");
    const address = await link.getAttribute("href");
    assert.ok(address.startsWith(`${daemon.url}/t/`), address);

    // As wide as a phone, and without scripts of its own.
    const phone = await customer({ colorScheme, locale, viewport: { width: 320, height: 568 } });
    await phone.page.goto(address);
    await judged(phone);
    await phone.page.getByText(standing, { exact: true }).waitFor();
    assert.equal(await phone.page.locator("script").count(), 0);
    assert.deepEqual(await findings(phone.page), []);
    const { wide, view } = await phone.page.evaluate(() => ({ wide: document.documentElement.scrollWidth, view: window.innerWidth }));
    assert.ok(wide <= view, `${wide} does not fit ${view}`);
  });
}

story("an agent sees the number in the list and the head, and finds the conversation by it", async ({ daemon, customer, agent }) => {
  const visitor = await customer();
  await visitor.openChat();
  await visitor.write("I want to talk to a person");
  await visitor.said("bot", "#10001").waitFor();
  const ann = await agent();
  await ann.logIn();
  await ann.page.locator("body").press("/");
  await ann.find("find-input").fill("＃10001");
  await ann.find("found-ticket").click();
  await ann.find("ticket-link").filter({ hasText: "#10001" }).waitFor();
  assert.ok((await ann.find("ticket-link").getAttribute("href")).startsWith(`${daemon.url}/t/`));
  await ann.goOnline();
  await ann.accept();
  await ann.find("ticket-number").filter({ hasText: "#10001" }).waitFor();
});
