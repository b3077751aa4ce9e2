/** A customer and the bot, in English and Chinese, on a desk and on a phone. */

import assert from "node:assert/strict";

import { story } from "./story.mjs";

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };

story("the bot answers in the customer's language", async ({ customer }) => {
  const visitor = await customer();
  await visitor.openChat();
  await visitor.write("How do I return an item?");
  await visitor.said("bot", "30 days").waitFor();
  await visitor.write("怎么退货？");
  await visitor.said("bot", "30 天").waitFor();
  assert.equal(await visitor.widget.locator(".mine.sent .bubble").count(), 2);
});

story("what the bot does not know becomes a person's at the second time", async ({ customer }) => {
  const visitor = await customer();
  await visitor.openChat();
  await visitor.write("Which planet has the strongest gravity?");
  await visitor.said("bot", "other words").waitFor();
  await visitor.write("Who was the king of the moon?");
  await visitor.said("bot", "number 1 in line").waitFor();
  await visitor.status("next in line").waitFor();
});

story("the chat is there again after a reload, and after it was closed", async ({ customer }) => {
  const visitor = await customer();
  await visitor.openChat();
  await visitor.write("怎么退货？");
  await visitor.said("bot", "30 天").waitFor();
  await visitor.page.reload();
  await visitor.online();
  await visitor.said("mine", "怎么退货？").waitFor();
  await visitor.said("bot", "30 天").waitFor();
  await visitor.page.keyboard.press("Tab");
  await visitor.widget.locator("textarea").press("Escape");
  await visitor.widget.locator(".panel").waitFor({ state: "hidden" });
  await visitor.openChat();
  assert.equal(await visitor.bubbles("mine").count(), 1);
});

story("on a phone the chat fills the screen, and speaks Chinese", async ({ customer }) => {
  const visitor = await customer({ ...PHONE, locale: "zh-CN" });
  await visitor.openChat();
  await visitor.widget.getByRole("heading", { name: "在线客服" }).waitFor();
  assert.equal(await visitor.widget.locator("textarea").getAttribute("placeholder"), "输入消息…");
  await visitor.write("怎么退货？");
  await visitor.said("bot", "30 天").waitFor();

  const panel = await visitor.widget.locator(".panel").boundingBox();
  assert.deepEqual(panel, { x: 0, y: 0, width: 390, height: 844 });
  const width = await visitor.page.evaluate(() => document.documentElement.scrollWidth);
  assert.equal(width, 390, "the page scrolls sideways");
  const text = await visitor.widget.locator("textarea").evaluate((field) => parseFloat(getComputedStyle(field).fontSize));
  assert.ok(text >= 16, "a phone zooms into a field whose text is smaller than 16 pixels");

  await visitor.write("转人工");
  await visitor.said("bot", "第 1 位").waitFor();
  await visitor.status("下一位就是您").waitFor();
  await visitor.widget.getByRole("button", { name: "关闭聊天窗口" }).first().click();
  await visitor.widget.locator(".launcher").waitFor();
});
