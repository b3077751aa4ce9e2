/** What supervisors look at: rules and how often they act, a candidate, decisions, the board, and messages tried out. */

import assert from "node:assert/strict";

import { findings, judged } from "./axe.mjs";
import { count } from "./people.mjs";
import { rules } from "./shipped.mjs";
import { story } from "./story.mjs";

const LI = { handle: "li", name: "李伟" };
const ANN = { handle: "ann", name: "Ann Berg" };
const SAM = { handle: "sam", name: "Sam Okafor" };
const ANGRY = "太差劲了！等了三个星期包裹还没到，气死我了！";
const MEI = { login: "mei", name: "Mei Lin", password: "a password for stories", languages: ["en", "zh"] };

/** A supervisor whose pages axe judges. */
async function supervisor({ agent }, options) {
  const admin = await judged(await agent({ reducedMotion: "reduce", ...options }));
  await admin.logIn();
  return admin;
}

async function accessible(person, where) {
  assert.deepEqual(await findings(person.page), [], where);
}

story("rules tell how often they acted, and their files open where they stand", async (stage) => {
  const { daemon } = stage;
  await daemon.write(ANN, "I want to talk to a person");
  await daemon.write(LI, ANGRY);
  await daemon.decided();
  const admin = await supervisor(stage);
  await admin.administer("rules");
  const row = (name) => admin.page.locator(`[data-testid="rule-row"][data-rule="${name}"]`);
  assert.equal(await row("who asks for a person gets one").getAttribute("data-hits"), "1");
  assert.equal(await row("angry customers reach a person").getAttribute("data-hits"), "1");
  assert.equal(await row("large orders go to sales").getAttribute("data-hits"), "0");
  await accessible(admin, "the rules");

  await admin.find("rule-filter").fill("person 20-people");
  await count(admin.find("rule-row"), 2);
  await row("who asks for a person gets one").getByTestId("rule-open").click();
  await admin.find("source").locator(".aim").filter({ hasText: "who asks for a person gets one" }).waitFor();
  await accessible(admin, "a rule file");

  await admin.page.reload();
  await admin.find("source").locator(".aim").filter({ hasText: "who asks for a person gets one" }).waitFor();
  await admin.page.keyboard.press("Escape");
  await admin.find("source").waitFor({ state: "detached" });
  assert.equal(new URL(admin.page.url()).hash, "");
});

const candidate = rules("routing-rules/candidate", {
  "20-people.yaml": [["frustrated", "furious"]],
  "10-waiting.yaml": [["frustrated", "furious"]],
  "90-answer.yaml": [["queue: care", "queue: sales"], ["handoff: care", "handoff: sales"]],
});

const comparing = async (stage) => {
  const { daemon } = stage;
  await daemon.write(LI, ANGRY);
  await daemon.write(SAM, "How do I return an item?");
  await daemon.decided();
  const admin = await supervisor(stage);
  await admin.administer("rules", "#part=candidate");
  await admin.page.locator('[data-testid="report"] [data-count="messages"]').filter({ hasText: "2" }).waitFor();
  await admin.page.locator('[data-testid="report"] [data-count="changed"]').filter({ hasText: "1 (50%)" }).waitFor();
  await admin.find("change").locator("summary").click();
  await admin.find("example").filter({ hasText: ANGRY }).filter({ hasText: "tag furious" }).waitFor();
  await accessible(admin, "the candidate");
  await admin.find("example-explain").click();
  await admin.find("outcome").filter({ hasText: "angry customers reach a person" }).waitFor();
  await admin.page.keyboard.press("Escape");
  await admin.find("candidate-files").click();
  await admin.find("source").filter({ hasText: "rules:" }).waitFor();

  await admin.administer("playground");
  await admin.find("try-text").fill("火星上能送货吗？");
  await admin.page.getByLabel("Unanswered in a row").fill("1");
  await admin.find("try-both").click();
  await admin.find("try-run").click();
  const tried = (set) => admin.page.locator(`[data-testid="tried"][data-set="${set}"]`);
  await tried("in_force").getByTestId("tried-destination").filter({ hasText: "Customer care" }).waitFor();
  await tried("candidate").getByTestId("tried-destination").filter({ hasText: "Sales" }).waitFor();
  await accessible(admin, "two sets compared");
};
story("a candidate is compared with what is decided, and messages are tried under both", comparing, { files: { ...rules("routing-rules"), ...candidate } });

const broken = rules("routing-rules/candidate", { "20-people.yaml": [["message.wants_human", "costumer.wants_human"]] });

const sayingWhy = async (stage) => {
  const admin = await supervisor(stage);
  await admin.administer("rules", "#part=candidate");
  await admin.page.locator('[data-testid="candidate"][data-loads="false"]').waitFor();
  await count(admin.find("candidate").getByTestId("finding").filter({ hasText: "there is no `costumer`" }), 3);
  await accessible(admin, "a candidate that does not load");
};
story("a candidate that does not load says why", sayingWhy, { files: { ...rules("routing-rules"), ...broken } });

story("decisions are found by their rule, explained, and lead to their conversation", async (stage) => {
  const { daemon } = stage;
  for (const [from, text] of [[ANN, "I want to talk to a person"], [LI, ANGRY], [SAM, "How do I return an item?"]]) await daemon.write(from, text);
  await daemon.decided();
  const admin = await supervisor(stage);
  await admin.administer("decisions");
  await count(admin.find("decision"), 3);
  await accessible(admin, "the decisions");
  await admin.find("filter-rule").fill("angry customers reach a person");
  await admin.find("filter-rule").press("Enter");
  await count(admin.find("decision"), 1);
  await admin.find("looked-back").filter({ hasText: "1 decision" }).waitFor();
  await admin.page.reload();
  await count(admin.find("decision"), 1);

  await admin.find("decision-open").filter({ hasText: ANGRY }).click();
  await admin.find("outcome").filter({ hasText: "angry customers reach a person" }).waitFor();
  await admin.find("explain-candidates").click();
  await admin.find("candidates").filter({ hasText: "They are offline" }).waitFor();
  await accessible(admin, "who could take it");
  await admin.find("explain-decisions").click();
  await admin.find("decided").locator("summary").click();
  await admin.find("decided").getByTestId("traced-rule").first().waitFor();
  await admin.find("explain-open").click();
  await admin.find("conversation-customer").filter({ hasText: "李伟" }).waitFor();
  await admin.find("who-could").click();
  await admin.find("candidate-agent").filter({ hasText: "Admin" }).waitFor();

  await admin.administer("decisions", "#queue=sales&time=hour");
  await admin.find("looked-back").filter({ hasText: "No decision found" }).waitFor();
});

story("the board says who waits and why, and conversations are given away by keyboard and by dragging", async (stage) => {
  const { agent, daemon } = stage;
  await daemon.post("/agents", MEI);
  const mei = await agent();
  await mei.logIn(MEI);
  await daemon.write(LI, ANGRY);
  await daemon.decided();
  const admin = await supervisor(stage);
  await admin.find("open-board").click();
  const waits = (name) => admin.find("waits").filter({ hasText: name });
  await waits("李伟").getByTestId("waits-reason").filter({ hasText: "None of 2 members is online." }).waitFor();
  await accessible(admin, "the board");

  await daemon.write(ANN, "I want to talk to a person");
  await waits("Ann Berg").waitFor();
  await admin.page.keyboard.press("j");
  assert.equal(await waits("李伟").getAttribute("data-chosen"), "true", "who waits at a high priority is first");
  await admin.page.keyboard.press("j");
  assert.equal(await waits("Ann Berg").getAttribute("data-chosen"), "true");
  await admin.page.keyboard.press("k");
  await admin.page.keyboard.press("a");
  await admin.find("assign-option").filter({ hasText: "They are offline" }).first().waitFor();
  await accessible(admin, "the dialog that assigns");
  await admin.page.keyboard.type("mei");
  await admin.page.keyboard.press("Enter");
  await admin.find("assign-dialog").waitFor({ state: "detached" });
  await waits("李伟").waitFor({ state: "detached" });
  await mei.page.locator('[data-list="mine"]').getByTestId("conversation-item").filter({ hasText: "李伟" }).waitFor();

  const sales = admin.page.locator('[data-testid="board-queue"][data-queue="sales"]');
  await waits("Ann Berg").dragTo(sales);
  await sales.getByTestId("waits").filter({ hasText: "Ann Berg" }).waitFor();
  const { items } = await daemon.get("/conversations?box=open");
  assert.deepEqual(items.map(({ owner, queue, agent }) => [owner, queue, agent?.name]).sort(), [
    ["agent", "care", "Mei Lin"],
    ["queue", "sales", undefined],
  ]);
});

story("an angry message is tried in Chinese, and nothing of it is kept", async (stage) => {
  const { daemon } = stage;
  const admin = await supervisor(stage, { locale: "zh-CN", colorScheme: "dark" });
  await admin.administer("playground");
  await admin.find("try-text").fill(ANGRY);
  await admin.find("try-text").press("Control+Enter");
  await admin.find("tried-outcome").filter({ hasText: "规则“angry customers reach a person”匹配：转人工（客户服务）" }).waitFor();
  await admin.find("tried-signals").locator('[data-signal="sentiment"]').filter({ hasText: "负面" }).waitFor();
  await admin.find("traced-rule").filter({ hasText: "angry customers reach a person" }).waitFor();
  const source = admin.page.locator('[data-testid="source"][data-file="20-people.yaml"]');
  await source.locator(".hit").filter({ hasText: "angry customers reach a person" }).waitFor();
  await source.locator(".tried").first().waitFor();
  await accessible(admin, "a message that was tried");

  await admin.find("try-text").fill("怎么退货？");
  await admin.find("try-run").click();
  await admin.find("tried-answer").filter({ hasText: "30 天" }).waitFor();
  assert.equal((await daemon.get("/ledger")).accepted, 0);
});

const wrapUp = rules("routing-rules", { "queues.yaml": [["offer_timeout: 30s", "offer_timeout: 30s\n    wrap_up: 10m"]] });

const finishingUp = async ({ agent, daemon }) => {
  const colleague = await agent();
  await colleague.logIn();
  await colleague.goOnline();
  await daemon.write(ANN, "I want to talk to a person");
  await colleague.accept();
  assert.equal(await colleague.find("ready").count(), 0);
  await colleague.close();
  await colleague.find("ready").click();
  await colleague.find("ready").waitFor({ state: "detached" });
  const { items } = await daemon.get("/agents");
  assert.deepEqual(items.map(({ load }) => load), [0]);
};
story("who finishes up can say that they are ready", finishingUp, { files: wrapUp });
