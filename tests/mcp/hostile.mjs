// An MCP server over standard input and output that misbehaves, in the way that its argument names. Written by hand: what a
// server of a library would never say is the point.
import { appendFileSync } from "node:fs";
import { createInterface } from "node:readline";

const how = process.argv[2];
// What it was started and asked for, one line each.
const note = (text) => process.env.NOTES && appendFileSync(process.env.NOTES, `${text}\n`);
const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
const answer = (id, result) => send({ id, result });
const tool = (name, properties = {}) => ({ name, inputSchema: { type: "object", properties, required: Object.keys(properties) } });
const text = (words) => ({ content: [{ type: "text", text: words }] });
let lists = 0;

note(`started ${process.pid}`);
if (how === "dies") process.exit(1);
if (how === "noisy") for (let at = 0; at < 20_000; at += 1) process.stderr.write(`line ${at} ${"x".repeat(2000)}\n`);

const methods = {
  initialize: (id, params) => {
    if (how === "mute") return;
    if (how === "garbage") process.stdout.write("this is no JSON\n{\"jsonrpc\":\n");
    answer(id, {
      protocolVersion: params.protocolVersion,
      capabilities: { tools: { listChanged: true } },
      serverInfo: { name: how, version: "1" },
    });
    if (how === "asks") send({ id: "s1", method: "sampling/createMessage", params: { messages: [], maxTokens: 1 } });
  },
  ping: (id) => answer(id, {}),
  "tools/list": (id) => {
    lists += 1;
    note("listed");
    if (how === "endless") return answer(id, { tools: [tool(`t${lists}`)], nextCursor: String(lists) });
    const changed = how === "changes" && lists > 1;
    answer(id, { tools: [tool("do", changed ? { day: { type: "string" } } : {}), tool("other")] });
  },
  "tools/call": (id, params) => {
    note(`called ${params.name}`);
    if (how === "slow") return;
    if (how === "crashes") process.exit(1);
    if (how === "huge") return answer(id, text("x".repeat(3 << 20)));
    if (how === "fails") return answer(id, { ...text("no such order"), isError: true });
    if (how === "refuses") return send({ id, error: { code: -32603, message: "broken inside" } });
    if (how === "odd") return answer(id, { nothing: "of use" });
    if (how === "changes" && lists === 1) {
      send({ method: "notifications/tools/list_changed" });
      return answer(id, text("{\"done\": 1}"));
    }
    answer(id, text("{\"done\": 1}"));
  },
};

createInterface({ input: process.stdin }).on("line", (line) => {
  const message = JSON.parse(line);
  if (message.method === undefined && message.error) note(`declined ${message.id}`);
  methods[message.method]?.(message.id, message.params);
});
