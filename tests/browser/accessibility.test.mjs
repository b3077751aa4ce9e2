/** No serious or critical finding of axe-core, in light and in dark. */

import assert from "node:assert/strict";

import { findings, judged } from "./axe.mjs";
import { story } from "./story.mjs";

for (const colorScheme of ["light", "dark"]) {
  story(`the shop, the chat and the console are accessible in ${colorScheme} colours`, async ({ customer, agent }) => {
    const visitor = await judged(await customer({ colorScheme, reducedMotion: "reduce" }));
    await visitor.openChat();
    assert.deepEqual(await findings(visitor.page), [], "the chat before the first message");
    await visitor.write("How do I return an item?");
    await visitor.said("bot", "30 days").waitFor();
    await visitor.write("This is a disgrace! I want to talk to a person");
    await visitor.said("bot", "number 1 in line").waitFor();

    const colleague = await judged(await agent({ colorScheme, reducedMotion: "reduce" }));
    await colleague.find("login-form").waitFor();
    assert.deepEqual(await findings(colleague.page), [], "the login");
    await colleague.logIn();
    await colleague.goOnline();
    await colleague.find("offer").waitFor();
    assert.deepEqual(await findings(colleague.page), [], "the console with an offer");
    await colleague.accept();
    await colleague.reply("Hello! I will look at it at once.");
    await visitor.said("agent", "at once").waitFor();
    await colleague.entry("reply", "at once").waitFor();
    assert.deepEqual(await findings(colleague.page), [], "the conversation");
    assert.deepEqual(await findings(visitor.page), [], "the shop with the chat");
    await colleague.find("transfer").click();
    await colleague.find("transfer-to").press("ArrowDown");
    await colleague.find("transfer-option").first().waitFor();
    assert.deepEqual(await findings(colleague.page), [], "the transfer");
    await colleague.find("transfer-option").first().click();
    await colleague.page.keyboard.press("Escape");
    await colleague.find("transfer-form").waitFor({ state: "detached" });
    await colleague.find("explain").click();
    await colleague.find("outcome").waitFor();
    assert.deepEqual(await findings(colleague.page), [], "the explanation");
  });
}

story("the console speaks Chinese, and is accessible in it", async ({ agent }) => {
  const colleague = await judged(await agent({ locale: "zh-CN" }));
  await colleague.find("login-submit").filter({ hasText: "登录" }).waitFor();
  assert.equal(await colleague.page.locator("html").getAttribute("lang"), "zh-Hans");
  await colleague.logIn();
  await colleague.find("presence-online").filter({ hasText: "在线" }).waitFor();
  assert.deepEqual(await findings(colleague.page), []);
});
