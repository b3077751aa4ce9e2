/** Text from outside is text: in the widget, in the console, in every field that a stranger can fill. */

import assert from "node:assert/strict";

import { story } from "./story.mjs";

const MARKUP = `<img src=x onerror="window.executed=1"><script>window.executed=2</script>`;
const TEMPLATE = "{{7*7}} ${7*7} <%= 7*7 %>";
const LINK = "javascript:window.executed=3";
/** Reads backwards where it is obeyed: "exe.png" for what is really "gnp.exe". */
const OVERRIDE = "\u202e";

const executed = (person) => person.page.evaluate(() => window.executed);

story("a hostile customer executes nothing and shows as what they wrote", async ({ customer, agent, daemon }) => {
  const colleague = await agent();
  await colleague.logIn();
  await colleague.goOnline();
  const visitor = await customer();
  await visitor.page.evaluate((name) => window.Switchboard("identify", { name }), `Eve ${MARKUP} ${TEMPLATE}`);
  await visitor.openChat();
  await visitor.write(`I want to talk to a person ${MARKUP} ${TEMPLATE} ${LINK} open ${OVERRIDE}gnp.exe`);
  await colleague.accept();

  const seen = colleague.entry("message", "I want to talk to a person");
  await seen.waitFor();
  const sent = visitor.said("mine", "I want to talk to a person");
  for (const text of [await seen.innerText(), await sent.innerText()]) {
    for (const part of [MARKUP, TEMPLATE, LINK]) assert.ok(text.includes(part), `${part} is not in ${text}`);
  }
  assert.ok(!(await seen.innerText()).includes(OVERRIDE), "a direction override reached the console");
  assert.equal(await seen.locator("img, script, a").count(), 0);
  assert.equal(await sent.locator("img, script, a").count(), 0);
  await colleague.find("conversation-customer").filter({ hasText: MARKUP }).waitFor();
  await colleague.find("customer").filter({ hasText: TEMPLATE }).waitFor();

  await colleague.reply(`${MARKUP} ${TEMPLATE} ${LINK}`);
  const answer = visitor.said("agent", "onerror");
  await answer.waitFor();
  assert.equal(await answer.innerText(), `${MARKUP} ${TEMPLATE} ${LINK}`);
  assert.equal(await answer.locator("img, script, a").count(), 0);

  await visitor.page.reload();
  await answer.waitFor();
  const { items } = await daemon.get("/conversations?box=open");
  assert.equal(items[0].last.text, `${MARKUP} ${TEMPLATE} ${LINK}`);
  assert.deepEqual([await executed(visitor), await executed(colleague)], [undefined, undefined]);
});

story("a hostile system on the HTTP channel executes nothing in the console", async ({ agent, daemon }) => {
  const colleague = await agent();
  await colleague.logIn();
  await colleague.goOnline();
  const from = { handle: `eve${MARKUP}`, name: `${MARKUP}${OVERRIDE}`, email: "eve@example.com" };
  await daemon.write(from, `a human please ${MARKUP}`);
  await colleague.accept();
  await colleague.entry("message", MARKUP).waitFor();
  await colleague.find("tag-add").click();
  await colleague.find("tag-input").fill(MARKUP.slice(0, 38));
  await colleague.find("tag-input").press("Enter");
  await colleague.find("tag").filter({ hasText: "<img src=x" }).waitFor();
  await colleague.find("explain").click();
  await colleague.find("outcome").waitFor();
  assert.equal(await colleague.page.locator("img[src=x]").count(), 0);
  assert.equal(await executed(colleague), undefined);
});
