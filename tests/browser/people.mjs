/** Customers and agents in browsers, as the tests speak of them. */

import assert from "node:assert/strict";

import { chromium } from "playwright-core";

const ARGUMENTS = [
  "--no-sandbox",
  "--disable-dev-shm-usage",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];

/** Milliseconds that anything may take on a machine that is busy; what is awaited comes by itself, long before. */
export const PATIENCE = 20_000;

export function openBrowser() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ARGUMENTS });
}

/** A page of its own browser profile that reaches nothing but this machine. */
async function open(browser, options) {
  const context = await browser.newContext({ locale: "en-GB", ...options });
  context.setDefaultTimeout(PATIENCE);
  await context.route(
    (url) => url.hostname !== "localhost" && url.protocol.startsWith("http"),
    (route) => route.abort(),
  );
  return context.newPage();
}

/** Somebody on the shop's page. */
export class Customer {
  static async visit(browser, daemon, options = {}) {
    const customer = new Customer();
    customer.page = await open(browser, options);
    customer.widget = customer.page.locator("switchboard-chat");
    await customer.page.goto(`${daemon.url}/`);
    return customer;
  }

  async openChat() {
    await this.widget.locator(".launcher").click();
    await this.online();
  }

  async online() {
    await this.widget.locator(".panel:not(.offline)").waitFor();
  }

  async offline() {
    await this.widget.locator(".panel.offline").waitFor();
  }

  async write(text) {
    await this.widget.locator("textarea").fill(text);
    await this.widget.locator("textarea").press("Enter");
  }

  /** What stands in the chat: bubbles of one author, `mine`, `bot` or `agent`. */
  bubbles(author) {
    return this.widget.locator(`.${author} .bubble`);
  }

  /** A text that was said by somebody. */
  said(author, text) {
    return this.bubbles(author).filter({ hasText: text });
  }

  status(text) {
    return this.widget.locator(".status").filter({ hasText: text });
  }
}

/** Somebody at the console. */
export class Agent {
  /** Every live frame that came, by its type, with the time when it came. */
  frames = [];

  static async visit(browser, daemon, options = {}) {
    const agent = new Agent();
    agent.daemon = daemon;
    agent.page = await open(browser, { viewport: { width: 1280, height: 800 }, ...options });
    agent.page.on("websocket", (socket) => {
      socket.on("framereceived", ({ payload }) => agent.frames.push({ at: Date.now(), type: JSON.parse(String(payload)).type }));
    });
    await agent.page.goto(`${daemon.url}/console`);
    return agent;
  }

  find(id) {
    return this.page.getByTestId(id);
  }

  async logIn({ login = "admin", password = this.daemon.password } = {}) {
    await this.find("login-name").fill(login);
    await this.find("login-password").fill(password);
    await this.find("login-submit").click();
    await this.find("presence").waitFor();
  }

  async goOnline() {
    const answered = this.page.waitForResponse((response) => response.url().endsWith("/api/v1/me/presence"));
    await this.find("presence-online").click();
    await answered;
  }

  async accept() {
    await this.find("offer-accept").first().click();
    await this.find("conversation").waitFor();
    await this.find("composer").waitFor();
  }

  /** Opens a conversation by its address. */
  async open(conversation) {
    await this.page.goto(`${this.daemon.url}/console/conversations/${conversation}`);
    await this.find("conversation").waitFor();
  }

  /** Opens a page of the administration, with what is chosen in it (`#…`). */
  async administer(section, view = "") {
    await this.page.goto(`${this.daemon.url}/console/admin/${section}${view}`);
  }

  async reply(text) {
    await this.find("composer").fill(text);
    await this.find("composer").press("Enter");
  }

  /** An entry of the journal: `message`, `reply` or `note`, with a text. */
  entry(kind, text) {
    return this.find(`entry-${kind}`).filter({ hasText: text });
  }

  /** The conversation's owner as the console shows it. */
  owner(word) {
    return this.page.locator(`[data-testid="owner"][data-owner="${word}"]`);
  }

  /** Gives the open conversation to the colleague or queue that is called so. */
  async transfer(name, note = "") {
    await this.find("transfer").click();
    await this.find("transfer-to").fill(name);
    await this.find("transfer-option").filter({ hasText: name }).click();
    await this.find("transfer-note").fill(note);
    await this.find("transfer-confirm").click();
    await this.find("transfer-form").waitFor({ state: "detached" });
  }

  /** Takes the open conversation from the agent who has it. */
  async takeOver() {
    await this.find("take-over").click();
    await this.find("take-over-confirm").click();
    await this.find("composer-tab-reply").waitFor();
  }

  async close() {
    await this.find("close").click();
    await this.find("close-confirm").click();
  }
}

/** Waits until there are so many, and says how many there are instead. */
export async function count(locator, wanted) {
  const end = Date.now() + PATIENCE;
  await locator.nth(wanted - 1).waitFor({ state: "attached" }).catch(() => undefined);
  while ((await locator.count()) > wanted && Date.now() < end) await locator.nth(wanted).waitFor({ state: "detached" }).catch(() => undefined);
  assert.equal(await locator.count(), wanted);
}
