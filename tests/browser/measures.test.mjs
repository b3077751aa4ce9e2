/** Measures: what was solved without a person, and a section that is written for what the bot did not know. */

import assert from "node:assert/strict";

import { findings, judged } from "./axe.mjs";
import { count } from "./people.mjs";
import { rules } from "./shipped.mjs";
import { story } from "./story.mjs";

const QUESTIONS = ["Can I bring my dog into your shop?", "can i bring my dog into the shop", "可以带宠物进店吗？"];

async function admin({ agent }, options) {
  const person = await judged(await agent({ reducedMotion: "reduce", ...options }));
  await person.logIn();
  return person;
}

async function asked(daemon) {
  await daemon.write({ handle: "ann" }, "How do I return an item?");
  for (const [at, question] of QUESTIONS.entries()) await daemon.write({ handle: `c${at}` }, question);
  await daemon.write({ handle: "li" }, "转人工");
  await daemon.decided();
}

const tile = (person, name) => person.find(`figure-${name}`).locator("dd").first().innerText();

story(
  "an administrator sees what was asked in vain, writes the section, and it is answered",
  async (stage) => {
    const { daemon } = stage;
    await asked(daemon);
    const person = await admin(stage);
    await person.administer("measures");
    await person.find("measures").waitFor();
    assert.equal(await tile(person, "opened"), "5");
    assert.equal(await tile(person, "handed"), "1");
    assert.equal(await tile(person, "containment"), "0%");
    await count(person.find("miss"), 2);
    const dog = person.find("miss").first();
    assert.equal(await dog.getAttribute("data-count"), "2");
    assert.deepEqual(await findings(person.page), [], "the measures");

    await dog.getByTestId("miss-write").click();
    await person.find("section-form").waitFor();
    assert.match(await person.find("section-question").inputValue(), /dog/);
    await person.find("section-answer").fill("Yes, on a **lead**.");
    await person.find("section-check").click();
    await person.page.getByRole("status").filter({ hasText: "every wording" }).waitFor();
    assert.deepEqual(await findings(person.page), [], "the editor");
    await person.find("section-save").click();
    await person.find("section-form").waitFor({ state: "detached" });
    await person.page.locator('[data-testid="miss"][data-answered="2"]').waitFor();
    assert.equal(await person.find("miss").last().getAttribute("data-answered"), "2", "what is answered stands last");
  },
  { files: rules("routing-rules") },
);

story("the measures are there in Chinese, in the dark, and without anything to show", async (stage) => {
  const person = await admin(stage, { locale: "zh-CN", colorScheme: "dark" });
  await person.administer("measures", "#period=30d");
  await person.page.getByRole("heading", { level: 1, name: "度量" }).waitFor();
  await person.page.getByText("这些天没有新会话。").waitFor();
  await person.page.getByText("每个问题都有答案。").waitFor();
  assert.equal(await tile(person, "containment"), "–");
  assert.deepEqual(await findings(person.page), [], "empty measures");
});
