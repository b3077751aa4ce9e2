/** Where a model is: its answer grows in the chat, it summarises for agents, and what it costs is among the measures. */

import assert from "node:assert/strict";
import { after, before } from "node:test";

import { findings, judged } from "./axe.mjs";
import { Model } from "./model.mjs";
import { Shop } from "./shop.mjs";
import { story } from "./story.mjs";

const ANSWER = "可以用洗衣袋轻柔地机洗。水温不要超过三十度。";
const SUMMARY = "客户想知道围巾能否机洗，机器人已答复；现在想转人工。";

let model;
let shop;
before(async () => {
  shop = await Shop.open();
  model = await Model.plays([
    // Slow enough to be seen growing.
    {
      match: { userMessage: "机洗", toolCallId: "given_2" },
      response: { content: "可以用洗衣袋轻柔地机洗【p1】。水温不要超过三十度[p1]。" },
      streamingProfile: { ttft: 10, tps: 4 },
      chunkSize: 8,
    },
    { match: { userMessage: "conversation" }, response: { content: SUMMARY } },
  ]);
});
after(() => {
  model.close();
  shop.close();
});

story(
  "一个回答逐字出现；客服请模型概括；费用计入度量",
  async ({ daemon, customer, agent }) => {
    const visitor = await customer({ locale: "zh-CN" });
    await visitor.openChat();
    await visitor.write("围巾可以机洗吗");
    const first = visitor.bubbles("bot").first();
    await first.filter({ hasText: "轻柔地机洗" }).waitFor();
    assert.doesNotMatch(await first.innerText(), /三十度/, "it grows");
    assert.doesNotMatch(await first.innerText(), /p1/, "without its marks");
    await first.filter({ hasText: ANSWER }).waitFor();
    assert.equal(await visitor.bubbles("bot").count(), 1, "what grew is what stays");
    await visitor.write("转人工");
    await visitor.bubbles("bot").nth(1).waitFor();

    const colleague = await judged(await agent({ reducedMotion: "reduce", locale: "zh-CN" }));
    await colleague.logIn();
    await colleague.goOnline();
    await colleague.accept();
    await colleague.find("side-assist").click();
    await colleague.find("recap-ask").click();
    const recap = colleague.find("recap");
    await recap.filter({ hasText: SUMMARY }).waitFor();
    assert.equal(await recap.getAttribute("data-current"), "true");
    await colleague.find("recap-ask").waitFor({ state: "detached" });
    assert.deepEqual(await findings(colleague.page), [], "the summary");
    await colleague.page.reload();
    await recap.filter({ hasText: SUMMARY }).waitFor();

    await daemon.decided();
    await colleague.administer("measures");
    await colleague.find("model").waitFor();
    assert.match(await colleague.find("figure-model-cost").locator("dd").first().innerText(), /0\.00\d+/);
    assert.equal(await colleague.find("figure-model-summaries").locator("dd").first().innerText(), "1");
    assert.deepEqual(await findings(colleague.page), [], "the measures of a model");
  },
  { files: () => ({ ...shop.files, ...model.files }) },
);
