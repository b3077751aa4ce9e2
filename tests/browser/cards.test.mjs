/** A row of cards in the chat: by keyboard, with pictures that do not come, and as agents see it. */

import assert from "node:assert/strict";

import { findings, judged } from "./axe.mjs";
import { story } from "./story.mjs";

const RULES = `
rules:
  - name: gifts
    when: message.text.any_word(["gift"])
    then: [{do: {action: gifts, otherwise: [{ignore: true}]}}]
  - name: take
    when: message.text.any_word(["take"])
    then: [{do: {action: take, otherwise: [{ignore: true}]}}]
  - name: the rest
    then: [{ignore: true}]
`;
const ACTIONS = `
actions:
  gifts:
    title: {en: Gifts}
    outcomes:
      - say: {en: Some ideas.}
        cards:
          each: "['Hat', 'Shawl', 'Blanket', 'Gloves']"
          title: "{{ item }}"
          text: {en: "A warm {{ item | lower }}, knitted in the north."}
          price: "¥9.00"
          image: "https://shop.example/{{ item }}.png"
          link: "https://shop.example/{{ item }}"
          buttons: [{title: {en: Take it}, says: {en: "I take the {{ item | lower }}"}}]
  take:
    title: {en: Take}
    inputs: {colour: {ask: {en: In which colour?}}}
    outcomes: [{say: {en: "In {{ inputs.colour }}, then."}}]
`;
const files = { "routing-rules/10-gifts.yaml": RULES, "routing-rules/actions/gifts.yaml": ACTIONS };

for (const colorScheme of ["light", "dark"]) {
  story(`cards are looked through and pressed by keyboard, in ${colorScheme} colours`, async ({ daemon, customer, agent }) => {
    const visitor = await judged(await customer({ colorScheme, reducedMotion: "reduce" }));
    await visitor.openChat();
    await visitor.write("a gift, please");
    const row = visitor.widget.locator(".cards");
    await row.waitFor();
    const card = row.locator(".card");
    assert.equal(await card.count(), 4);

    // No picture can be reached here: their places stay as large as they were.
    await row.locator("img").first().waitFor({ state: "detached" });
    const place = await card.first().locator(".scene").boundingBox();
    assert.equal(place.height, 144);
    assert.deepEqual(await findings(visitor.page), [], "the chat with cards");

    await row.focus();
    await visitor.page.keyboard.press("ArrowRight");
    await visitor.page.waitForFunction(() => document.querySelector("switchboard-chat").shadowRoot.querySelector(".cards").scrollLeft > 0);
    const last = card.last().getByRole("button");
    await last.focus();
    await visitor.page.keyboard.press("Enter");
    await visitor.said("mine", "Take it").waitFor();
    await visitor.said("bot", "In which colour?").waitFor();
    assert.equal(await card.getByRole("button").count(), 4, "a card can be taken later, too");

    const [{ id }] = (await daemon.get("/conversations?box=open")).items;
    const colleague = await judged(await agent({ colorScheme }));
    await colleague.logIn();
    await colleague.open(id);
    assert.equal(await colleague.find("card").count(), 4);
    await colleague.entry("message", "I take the gloves").waitFor();
    assert.deepEqual(await findings(colleague.page), [], "the conversation with cards");
  }, { files });
}
