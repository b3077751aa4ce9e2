/**
 * Takes the pictures of the documents: `docs/images/widget.png`, `console.png` (`readme`), `assist.png` (`assist`) and `summary.png` (`summary`);
 * those that are named, or all.
 */

import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { Daemon } from "./daemon.mjs";
import { Model } from "./model.mjs";
import { Agent, Customer, openBrowser } from "./people.mjs";
import { Shop } from "./shop.mjs";

const IMAGES = join(import.meta.dirname, "../../docs/images");
const SIZE = { viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1.25, reducedMotion: "reduce" };
const CONFIG = `
[channels.webchat]
kind = "webchat"
[channels.http]
kind = "http"
[channels.shop-app]
kind = "http"
`;
const MEI = { login: "mei", name: "Mei Lin", password: "a password for pictures", role: "supervisor" };

const LI = { handle: "u-2071", name: "李伟", email: "li.wei@example.com", verified: true, attributes: { tier: "gold", city: "杭州" } };
const TOMAS = { handle: "u-1830", name: "Tomás Ortega", email: "tomas@example.com", verified: true };
const CHEN = { handle: "u-2114", name: "陈静", phone: "+8613800138000", verified: true };
const NORA = { handle: "u-2203", name: "Nora Lindqvist", email: "nora@example.com", verified: true };
const SAM = { handle: "u-2240", name: "Sam Okafor" };

async function say(daemon, from, ...texts) {
  for (const text of texts) {
    await daemon.write(from, text);
    await daemon.decided();
  }
}

async function takeWidget(browser, daemon, mei) {
  const anna = await Customer.visit(browser, daemon, SIZE);
  await anna.page.evaluate(() => window.Switchboard("identify", { name: "Anna Berg" }));
  await anna.openChat();
  await anna.write("Do you ship to other countries?");
  await anna.bubbles("bot").waitFor();
  await anna.write("Can I talk to a person? My sweater should go to Oslo by Friday.");
  await mei.accept();
  await mei.reply("Hi Anna, this is Mei. Express to Oslo leaves at five today, so Friday works. Shall I switch your order to it?");
  await anna.bubbles("agent").waitFor();
  await anna.write("Yes please, thank you!");
  await mei.entry("message", "Yes please").waitFor();
  await anna.widget.locator(".mine.sent .bubble").nth(2).waitFor();
  await anna.widget.locator("textarea").blur();
  await anna.page.screenshot({ path: join(IMAGES, "widget.png") });
}

async function takeConsole(daemon, mei) {
  await say(daemon, TOMAS, "Where is my order 20417?", "I would rather talk to a person");
  await mei.accept();
  await mei.reply("Hello Tomás, your parcel left our warehouse this morning. I am sending you the tracking number.");
  await mei.entry("reply", "tracking number").waitFor();
  await daemon.write(LI, "你们送货要多久？", { channel: "shop-app" });
  await say(daemon, LI, "怎么退货？");
  await say(daemon, LI, "毛衣三周前就寄回去了，到现在还没退款，太让人失望了！");
  await mei.accept();
  await mei.find("composer-tab-note").click();
  await mei.reply("Return arrived on the 9th, refund is stuck at the bank. 财务今天下午会再次打款。");
  await mei.entry("note", "财务").waitFor();
  await mei.find("composer-tab-reply").click();
  await mei.reply("李先生您好，非常抱歉让您久等。退货 9 号已签收，退款今天下午会重新打到您的银行卡，到账后我马上通知您。");
  await mei.entry("reply", "李先生您好").waitFor();
  const open = mei.page.url();
  await say(daemon, NORA, "I was charged twice! I want to talk to a person about my payment");
  await mei.find("offer").waitFor();
  await say(daemon, CHEN, "转人工");
  await say(daemon, SAM, "Do you offer wholesale prices for a shop of my own?");
  await say(daemon, LI, "好的，谢谢您，我等您消息。");
  await mei.entry("message", "好的，谢谢您").waitFor();
  await mei.page.goto(open);
  await mei.entry("message", "好的，谢谢您").waitFor();
  await mei.find("offer").first().waitFor();
  await mei.find("routed").waitFor();
  await mei.page.screenshot({ path: join(IMAGES, "console.png") });
}

/** Somebody whom the bot could not help has reached Mei, who looks at what helps her. */
async function takenOver(browser, daemon, options = {}) {
  const anna = await Customer.visit(browser, daemon, SIZE);
  await anna.page.evaluate(() => window.Switchboard("identify", { name: "Anna Berg" }));
  await anna.openChat();
  await anna.write("Where is my order A10023?");
  await anna.said("bot", "A10023").waitFor();
  await anna.write("That is too late for me! Can I return it? I want to talk to a person");
  await anna.bubbles("bot").nth(1).waitFor();
  const mei = await Agent.visit(browser, daemon, { ...SIZE, colorScheme: "light", ...options });
  await daemon.post("/agents", { ...MEI, languages: ["en", "zh"], skills: { "lang-en": 4, "lang-zh": 5, billing: 4 } });
  await mei.logIn(MEI);
  await mei.goOnline();
  await mei.accept();
  await mei.find("side-assist").click();
  return mei;
}

/** Beside a conversation that the bot could not end: what it did, and an order that the agent looked up. */
async function takeAssist(browser) {
  const shop = await Shop.open();
  const daemon = await Daemon.start(CONFIG, shop.files);
  try {
    const mei = await takenOver(browser, daemon, { viewport: { width: 1280, height: 1000 } });
    await mei.page.locator('[data-action="order-status"]').click();
    await mei.find("action-press").click();
    await mei.find("action-result").waitFor();
    await mei.find("action-dialog").waitFor({ state: "detached" });
    await mei.page.locator("body").press("2");
    await mei.find("draft-source").waitFor();
    await mei.page.screenshot({ path: join(IMAGES, "assist.png") });
  } finally {
    await daemon.stop();
    shop.close();
  }
}

/** What a model makes of the same for the agent. */
async function takeSummary(browser) {
  const shop = await Shop.open();
  const content = "The customer asked where order A10023 is; the bot looked it up: it has been shipped and should arrive on Wednesday. That is too late for them. They want to know whether they can return it, which nobody has answered yet.";
  const model = await Model.plays([{ match: { userMessage: "conversation" }, response: { content } }]);
  const daemon = await Daemon.start("", { ...shop.files, ...model.files });
  try {
    const mei = await takenOver(browser, daemon);
    await mei.find("recap-ask").click();
    await mei.find("recap").waitFor();
    await mei.page.screenshot({ path: join(IMAGES, "summary.png") });
  } finally {
    await daemon.stop();
    model.close();
    shop.close();
  }
}

async function takeReadme(browser) {
  const daemon = await Daemon.start(CONFIG);
  try {
    await daemon.post("/agents", { ...MEI, languages: ["en", "zh"], skills: { "lang-en": 4, "lang-zh": 5, billing: 4 }, capacity: 100 });
    const mei = await Agent.visit(browser, daemon, { ...SIZE, colorScheme: "light" });
    await mei.logIn(MEI);
    await mei.goOnline();
    await takeWidget(browser, daemon, mei);
    await takeConsole(daemon, mei);
  } finally {
    await daemon.stop();
  }
}

mkdirSync(IMAGES, { recursive: true });
const named = process.argv.slice(2);
const browser = await openBrowser();
try {
  if (named.length === 0 || named.includes("readme")) await takeReadme(browser);
  if (named.length === 0 || named.includes("assist")) await takeAssist(browser);
  if (named.length === 0 || named.includes("summary")) await takeSummary(browser);
} finally {
  await browser.close();
}
