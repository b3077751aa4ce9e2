/** Agents see how far every reply has come, in their language, and send again what did not get through. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after } from "node:test";

import { story } from "./story.mjs";

const QUESTION = "How do I return an item?";

/** Where replies are posted, and how they are answered. */
let status = 200;
const receiver = createServer((request, response) => request.resume().on("end", () => response.writeHead(status).end("as told")));
receiver.listen(0, "127.0.0.1");
await once(receiver, "listening");
after(() => receiver.close());
const posted = {
  files: { "switchboard.toml": `[channels.http]\nkind = "http"\ncallback_url = "http://127.0.0.1:${receiver.address().port}/replies"\n` },
};

/** Somebody asks, and the bot answers while the receiver says `code`: the conversation. */
async function asked(daemon, handle, code) {
  status = code;
  await daemon.write({ handle }, QUESTION);
  await daemon.decided();
  const { items } = await daemon.get("/conversations?box=open");
  return items[0].id;
}

const delivery = (colleague, state) => colleague.page.locator(`[data-testid="delivery"][data-state="${state}"]`);

story(
  "what did not get through says why, and goes when it is sent again",
  async ({ agent, daemon }) => {
    const colleague = await agent();
    await colleague.logIn();
    for (const [handle, code, state, words] of [
      ["li", 410, "failed", "Not delivered"],
      ["wu", 401, "held", "once the channel works again"],
    ]) {
      await colleague.open(await asked(daemon, handle, code));
      await delivery(colleague, state).waitFor();
      await colleague.entry("reply", words).filter({ hasText: String(code) }).waitFor();
      status = 200;
      await colleague.find("resend").click();
      await delivery(colleague, "sent").waitFor();
      assert.equal(await colleague.find("resend").count(), 0);
    }
    await colleague.open(await asked(daemon, "an", 503));
    await delivery(colleague, "pending").waitFor();
    assert.equal(await colleague.find("resend").count(), 0, "it is tried again anyway");
  },
  posted,
);

/** Every state as it is called, whether it can be sent again, and what it waits for. */
const states = [
  ["pending", "Waiting to be sent", "等待发送", false],
  ["sending", "Sending…", "正在发送…", false],
  ["sent", "Sent", "已发送", false],
  ["delivered", "Delivered", "已送达", false],
  ["read", "Read", "已读", false],
  ["failed", "Not delivered", "未送达", true],
  ["unknown", "Delivery unknown", "送达情况未知", true],
  ["held", "Held back", "已暂停发送", true, "channel", "once the channel works again", "渠道恢复后会自动发出"],
  ["held", "Held back", "已暂停发送", true, "customer", "when they write again", "客户再次来信时会自动发出"],
];

for (const [locale, word, hint] of [["en-GB", 1, 5], ["zh-CN", 2, 6]]) {
  story(
    `every state of a delivery has its words (${locale})`,
    async ({ agent, daemon }) => {
      const conversation = await asked(daemon, "li", 200);
      const colleague = await agent({ locale });
      await colleague.logIn();
      for (const row of states) {
        const [state, , , again, held_for] = row;
        await colleague.page.route(/\/conversations\/[^/]+\/entries/, async (route) => {
          const response = await route.fetch();
          const page = await response.json();
          for (const entry of page.items) if (entry.delivery) entry.delivery = { state, attempts: 1, held_for };
          await route.fulfill({ response, json: page });
        });
        await colleague.open(conversation);
        await delivery(colleague, state).filter({ hasText: row[word] }).waitFor();
        assert.equal(await colleague.find("resend").count(), again ? 1 : 0, state);
        if (held_for) await colleague.find("held-for").filter({ hasText: row[hint] }).waitFor();
        await colleague.page.unrouteAll({ behavior: "wait" });
      }
    },
    posted,
  );
}
