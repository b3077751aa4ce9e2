/** From the bot to a person and back, live on both sides, through reloads, lost networks and a killed daemon. */

import assert from "node:assert/strict";

import { count } from "./people.mjs";
import { story } from "./story.mjs";

/** How long, in milliseconds, an agent who is online may wait for what waits already: what the product promises. */
const OFFERED_WITHIN = 1_000;

/** A customer who asked for a person, and an agent who took over. */
async function connect({ customer, agent }, { words = "I want to talk to a person", ...options } = {}) {
  const visitor = await customer(options);
  await visitor.openChat();
  await visitor.write(words);
  await visitor.bubbles("bot").waitFor();
  const colleague = await agent(options);
  await colleague.logIn();
  await colleague.goOnline();
  await colleague.accept();
  return { visitor, colleague };
}

story("a customer asks for a person, is handed over, answered, and closed", async ({ customer, agent, daemon }) => {
  const visitor = await customer();
  await visitor.openChat();
  await visitor.write("How do I return an item?");
  await visitor.said("bot", "30 days").waitFor();
  await visitor.write("I want to talk to a person");
  await visitor.said("bot", "number 1 in line").waitFor();
  await visitor.status("next in line").waitFor();

  const colleague = await agent();
  await colleague.logIn();
  await colleague.goOnline();
  const online = Date.now();
  await colleague.find("offer").filter({ hasText: "I want to talk to a person" }).waitFor();
  const offered = colleague.frames.find((frame) => frame.type === "offer");
  assert.ok(offered.at - online <= OFFERED_WITHIN, `offered ${offered.at - online} ms after going online`);

  await colleague.accept();
  await visitor.status("You are talking with").waitFor();
  await colleague.entry("message", "How do I return an item?").waitFor();
  await colleague.entry("reply", "30 days").getByTestId("citation").waitFor();
  await colleague.entry("message", "I want to talk to a person").waitFor();
  await colleague.find("routed").filter({ hasText: "asks for a person" }).waitFor();
  await colleague.find("explain").click();
  await colleague.find("outcome").filter({ hasText: "who asks for a person gets one" }).waitFor();
  await colleague.page.keyboard.press("Escape");
  await colleague.find("explanation").waitFor({ state: "detached" });

  await colleague.reply("Hello, this is a person. How can I help?");
  await visitor.said("agent", "this is a person").waitFor();
  await visitor.write("My parcel has a hole");
  await colleague.entry("message", "My parcel has a hole").waitFor();

  await visitor.page.reload();
  await visitor.online();
  await count(visitor.said("agent", "this is a person"), 1);
  await count(visitor.bubbles("mine"), 3);

  await colleague.close();
  await visitor.status("closed").waitFor();
  const { items } = await daemon.get("/conversations?box=closed");
  assert.deepEqual(items.map(({ owner, messages }) => [owner, messages]), [["closed", 3]]);
});

story("an agent gives the conversation back to the bot", async (stage) => {
  const { visitor, colleague } = await connect(stage);
  await colleague.find("return-to-bot").click();
  await colleague.owner("bot").waitFor();
  await visitor.status("assistant").waitFor();
  await visitor.write("How do I return an item?");
  await visitor.said("bot", "30 days").waitFor();
});

story("a conversation goes to a colleague with a note, and a supervisor takes it over", async ({ customer, agent, daemon }) => {
  const [ann, bob] = await Promise.all(
    ["Ann Lee", "Bob Ray"].map(async (name) => {
      const account = { login: name.slice(0, 3).toLowerCase(), name, password: "a password for stories", languages: ["en"] };
      await daemon.post("/agents", account);
      const colleague = await agent();
      await colleague.logIn(account);
      return colleague;
    }),
  );
  const visitor = await customer();
  await visitor.openChat();
  await visitor.write("I want to talk to a person");
  await ann.goOnline();
  await ann.accept();
  await bob.goOnline();

  await ann.transfer("Bob Ray", "Promised an answer by Friday");
  await ann.find("composer-tab-reply").waitFor({ state: "detached" });
  await bob.find("offer").filter({ hasText: "I want to talk to a person" }).waitFor();
  await bob.accept();
  await bob.entry("message", "I want to talk to a person").waitFor();
  await bob.entry("note", "Promised an answer by Friday").waitFor();
  await bob.reply("Hello, Bob here");
  await visitor.said("agent", "Bob here").waitFor();

  const admin = await agent();
  await admin.logIn();
  await admin.open(await bob.find("conversation").getAttribute("data-conversation"));
  await admin.takeOver();
  await bob.entry("event", "took over").waitFor();
  await bob.find("composer-tab-reply").waitFor({ state: "detached" });
  await bob.find("transfer").waitFor({ state: "detached" });
  await admin.reply("From now on you talk to me");
  await visitor.said("agent", "you talk to me").waitFor();
  assert.equal(await visitor.said("agent", "Friday").count(), 0, "the note reached the customer");
});

story("what the customer changed or took back reads so, with what it said before a click away", async ({ agent, daemon }) => {
  const li = { handle: "li", name: "Li Wei" };
  await daemon.write(li, "I want to talk to a person about order 4711", { id: "m-1" });
  await daemon.write(li, "My door code is 1234", { id: "m-2" });
  const colleague = await agent();
  await colleague.logIn();
  await colleague.goOnline();
  await colleague.accept();
  await colleague.entry("message", "order 4711").waitFor();
  await daemon.write(li, "I want to talk to a person about order 4712", { event: { type: "edit", of: "m-1" } });
  await daemon.write(li, "", { event: { type: "delete", of: "m-2" } });
  await colleague.entry("message", "Deleted by the customer").waitFor();
  await count(colleague.entry("message", "order 4712"), 1);
  for (const gone of ["My door code", "order 4711"]) assert.equal(await colleague.entry("message", gone).count(), 0);
  await colleague.entry("message", "order 4712").getByTestId("changed").click();
  await colleague.entry("message", "order 4711").waitFor();
});

story("kill -9: both sides come back by themselves, and what was written meanwhile arrives once", async (stage) => {
  const { daemon } = stage;
  const { visitor, colleague } = await connect(stage);
  await colleague.reply("Before the crash");
  await visitor.said("agent", "Before the crash").waitFor();

  await daemon.kill();
  await visitor.offline();
  await colleague.find("reconnecting").waitFor();
  await visitor.write("Written by the customer while it was down");
  await colleague.reply("Written by the agent while it was down");
  await visitor.widget.locator(".mine.sending .bubble").waitFor();
  await colleague.find("sending").waitFor();
  await daemon.run();

  await visitor.online();
  await colleague.find("reconnecting").waitFor({ state: "detached" });
  await colleague.entry("message", "by the customer while").waitFor();
  await visitor.said("agent", "by the agent while").waitFor();
  await visitor.widget.locator(".mine.sending").waitFor({ state: "detached" });
  await colleague.find("sending").waitFor({ state: "detached" });

  // Live again, so whatever could have come twice has come.
  await visitor.write("After the crash");
  await colleague.entry("message", "After the crash").waitFor();
  const id = await colleague.find("conversation").getAttribute("data-conversation");
  const { items } = await daemon.get(`/conversations/${id}/entries`);
  const said = items.filter(({ kind, author }) => kind === "message" || (kind === "reply" && author.type === "agent"));
  assert.deepEqual(said.map(({ body }) => body.text).sort(), [
    "After the crash",
    "Before the crash",
    "I want to talk to a person",
    "Written by the agent while it was down",
    "Written by the customer while it was down",
  ]);
  for (const person of [visitor, colleague]) await person.page.reload();
  await count(visitor.said("agent", "by the agent while"), 1);
  await count(visitor.said("mine", "by the customer while"), 1);
  await count(colleague.entry("reply", "by the agent while"), 1);
  await count(colleague.entry("message", "by the customer while"), 1);
});

story("a network that is away keeps the customer's message, also through a reload", async (stage) => {
  const { visitor, colleague } = await connect(stage, { words: "转人工", locale: "zh-CN" });
  await visitor.page.context().setOffline(true);
  await visitor.write("断网时写的消息");
  await visitor.widget.locator(".mine.sending .bubble").waitFor();
  await visitor.page.context().setOffline(false);
  await visitor.page.reload();
  await visitor.online();
  await colleague.entry("message", "断网时写的消息").waitFor();
  await visitor.said("mine", "断网时写的消息").waitFor();
  await colleague.reply("收到，马上处理。");
  await visitor.said("agent", "收到，马上处理。").waitFor();
  await count(colleague.entry("message", "断网时写的消息"), 1);
  await count(visitor.said("mine", "断网时写的消息"), 1);
});

story("a wrong password is refused, and logging out ends the session", async ({ agent, daemon }) => {
  const colleague = await agent();
  await colleague.find("login-name").fill("admin");
  await colleague.find("login-password").fill("not the password");
  await colleague.find("login-submit").click();
  await colleague.find("login-error").waitFor();
  await colleague.logIn();
  const cookies = await colleague.page.context().cookies();
  const session = cookies.find(({ name }) => name === "switchboard_session");
  assert.ok(session.httpOnly && session.sameSite === "Strict", JSON.stringify(session));
  await colleague.find("menu").click();
  await colleague.find("logout").click();
  await colleague.find("login-form").waitFor();
  const answer = await fetch(`${daemon.url}/api/v1/me`, { headers: { cookie: `${session.name}=${session.value}` } });
  assert.equal(answer.status, 401);
});
