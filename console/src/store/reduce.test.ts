import { describe, expect, it } from "vitest";
import type { LiveEvent } from "../api/types";
import { inBox, unread } from "./boxes";
import { reduce } from "./reduce";
import { at, conversation, mei, message, offer, reply, sending, started } from "./samples";
import { TYPING_MS } from "./state";
import type { Action, State } from "./state";

const NOW = Date.parse(at(100));
const run = (state: State, ...actions: Action[]) => actions.reduce(reduce, state);
const live = (event: LiveEvent): Action => ({ type: "live", event, now: NOW });
const ids = (state: State, key = "cnv_1") => state.journals[key]?.entries.map((entry) => entry.id);

describe("live entries", () => {
  it("are appended once, however often they come", () => {
    const state = run(started(), live({ type: "entry", entry: message("a") }), live({ type: "entry", entry: message("b") }), live({ type: "entry", entry: message("a") }));
    expect(ids(state)).toEqual(["a", "b"]);
  });

  it("are left out of journals that were not loaded", () => {
    const state = run(started({ journals: {} }), live({ type: "entry", entry: message("a") }));
    expect(state.journals).toEqual({});
  });

  it("join the customer's timeline too", () => {
    const state = run(started({ journals: { "customer:cus_1": { entries: [], more: false } } }), live({ type: "entry", entry: message("a") }));
    expect(ids(state, "customer:cus_1")).toEqual(["a"]);
  });

  it("end the typing of who wrote", () => {
    const typing = run(started(), live({ type: "typing", conversation: "cnv_1" }));
    expect(typing.typing["cnv_1"]).toBe(NOW + TYPING_MS);
    expect(run(typing, live({ type: "entry", entry: reply("out", "x") })).typing["cnv_1"]).toBe(NOW + TYPING_MS);
    expect(run(typing, live({ type: "entry", entry: message("a") })).typing["cnv_1"]).toBeUndefined();
  });
});

describe("what is being sent", () => {
  const out = reply("out_1", "hi");
  const start = run(started(), { type: "sending", sending: sending("c1", "hi") });

  it.each<[string, Action[], string[], string[]]>([
    ["waits for its entry after the answer", [{ type: "sent", client_id: "c1", entry: out }], [], ["c1"]],
    ["is gone when the live entry follows the answer", [{ type: "sent", client_id: "c1", entry: out }, live({ type: "entry", entry: out })], ["out_1"], []],
    ["is gone when the live entry comes before the answer", [live({ type: "entry", entry: out }), { type: "sent", client_id: "c1", entry: out }], ["out_1"], []],
    ["is told by its client id", [live({ type: "entry", entry: { ...out, client_id: "c1", body: { text: "cleaned" } } })], ["out_1"], []],
    ["is not taken for another client's", [live({ type: "entry", entry: { ...out, client_id: "c2" } })], ["out_1"], ["c1"]],
    ["is not taken for another agent's of the same text", [live({ type: "entry", entry: reply("out_2", "hi", { author: { type: "agent", id: "agt_x", name: "X" } }) })], ["out_2"], ["c1"]],
    ["is not taken for a note of the same text", [live({ type: "entry", entry: reply("ent_2", "hi", { kind: "note" }) })], ["ent_2"], ["c1"]],
    ["is found again in a page fetched after a gap", [{ type: "sent", client_id: "c1", entry: out }, { type: "newest", key: "cnv_1", page: { entries: [out], more: false }, asOf: 0 }], ["out_1"], []],
  ])("%s", (_, actions, entries, waiting) => {
    const state = run(start, ...actions);
    expect(ids(state)).toEqual(entries);
    expect(state.sending.map((each) => each.client_id)).toEqual(waiting);
  });

  it("takes one of two of the same text away for each entry", () => {
    const two = run(start, { type: "sending", sending: sending("c2", "hi") }, live({ type: "entry", entry: out }));
    expect(two.sending.map((each) => each.client_id)).toEqual(["c2"]);
    expect(run(two, live({ type: "entry", entry: reply("out_2", "hi") })).sending).toEqual([]);
  });

  it("keeps what was refused until somebody decides", () => {
    const refused = run(start, { type: "refused", client_id: "c1", reason: "not yours" });
    expect(refused.sending[0]?.refused).toBe("not yours");
    expect(run(refused, { type: "retry", client_id: "c1" }).sending[0]).not.toHaveProperty("refused");
    expect(run(refused, { type: "discarded", client_id: "c1" }).sending).toEqual([]);
  });

  it("shows how it fares before its entry is in the journal", () => {
    const delivery = { state: "sent", attempts: 1 } as const;
    const state = run(start, { type: "sent", client_id: "c1", entry: out }, live({ type: "delivery", conversation: "cnv_1", outbound: "out_1", delivery }));
    expect(state.sending[0]?.entry?.delivery).toEqual(delivery);
  });
});

describe("an answer that comes late", () => {
  it("does not undo what a live event said meanwhile", () => {
    const asOf = started().seq;
    const now = conversation("cnv_1", { tags: ["new"] });
    const state = run(started(), live({ type: "conversation", conversation: now }), { type: "conversation", conversation: conversation("cnv_1"), asOf });
    expect(state.conversations["cnv_1"]?.tags).toEqual(["new"]);
  });

  it("is taken when nothing was said since it was asked for", () => {
    const before = run(started(), live({ type: "conversation", conversation: conversation("cnv_1") }));
    const state = run(before, { type: "conversation", conversation: conversation("cnv_1", { tags: ["x"] }), asOf: before.seq });
    expect(state.conversations["cnv_1"]?.tags).toEqual(["x"]);
  });

  it("does not set a delivery back", () => {
    const out = reply("out_1", "hi");
    const loaded = run(started(), live({ type: "entry", entry: out }));
    const asOf = loaded.seq;
    const read = run(loaded, live({ type: "delivery", conversation: "cnv_1", outbound: "out_1", delivery: { state: "read", attempts: 1 } }));
    const pages = run(read, { type: "newest", key: "cnv_1", page: { entries: [out], more: false }, asOf }, { type: "entry", entry: out, asOf });
    expect(pages.journals["cnv_1"]?.entries[0]?.delivery?.state).toBe("read");
  });
});

describe("lists", () => {
  const waiting = (id: string) => conversation(id, { owner: "queue", queue: "care" });
  const { agent: _, ...unowned } = waiting("cnv_q");

  it("lose what a whole list no longer has", () => {
    const state = run(started({ conversations: { cnv_q: unowned, cnv_1: conversation("cnv_1") } }), { type: "box", box: "queued", items: [], asOf: 0 });
    expect(Object.keys(state.conversations)).toEqual(["cnv_1"]);
  });

  it.each<[string, Partial<Extract<Action, { type: "box" }>>, Action[]]>([
    ["of a part of the list", { next: "more" }, []],
    ["that came live since the list was asked for", {}, [live({ type: "conversation", conversation: unowned })]],
    ["that is offered to this agent", {}, [{ type: "offers", items: [offer("ofr", unowned)], asOf: 0 }]],
  ])("keep what is not in the answer %s", (_name, change, before) => {
    const start = run(started({ conversations: { cnv_q: unowned } }), ...before);
    const state = run(start, { type: "box", box: "queued", items: [], asOf: 0, ...change });
    expect(state.conversations["cnv_q"]).toBeDefined();
  });
});

describe("a list in parts", () => {
  const closed = (id: string, n: number) => conversation(id, { owner: "closed", last: { at: at(n), author: { type: "bot" }, text: "" } });
  const page = (items: ReturnType<typeof closed>[], next?: string, before?: string): Action => ({ type: "box", box: "closed", items, next, before, asOf: 0 });
  const shown = (state: State) => inBox(state, "closed").map((each) => each.id);

  it("shows all that was fetched, whatever order the parts are in", () => {
    const first = run(started({ conversations: { stray: closed("stray", 1) } }), page([closed("a", 9), closed("b", 5)], "b"));
    expect(shown(first)).toEqual(["a", "b"]);
    const second = run(first, page([closed("c", 8), closed("d", 7)], "d", "b"));
    expect(shown(second)).toEqual(["a", "c", "d", "b"]);
    expect(shown(run(second, page([], undefined, "d")))).toEqual(["a", "c", "d", "b", "stray"]);
  });
});

describe("offers", () => {
  const first = offer("ofr_1", conversation("cnv_2", { owner: "queue" }));

  it("come once, bring their conversation, and go", () => {
    const state = run(started(), live({ type: "offer", offer: first }), live({ type: "offer", offer: first }));
    expect(state.offers).toHaveLength(1);
    expect(state.conversations["cnv_2"]).toBeDefined();
    expect(run(state, live({ type: "offer_ended", offer: "ofr_1", state: "expired" })).offers).toEqual([]);
  });

  it("are not overruled by an answer from before", () => {
    const state = run(started(), live({ type: "offer", offer: first }));
    expect(run(state, { type: "offers", items: [], asOf: 0 }).offers).toEqual([first]);
    expect(run(state, { type: "offers", items: [], asOf: 1 }).offers).toEqual([]);
    const ended = run(state, live({ type: "offer_ended", offer: "ofr_1", state: "expired" }));
    expect(run(ended, { type: "offers", items: [first], asOf: 1 }).offers).toEqual([]);
  });

  it("are replaced by those of a hello", () => {
    const hello: LiveEvent = { type: "hello", me: { ...mei, presence: "away" }, offers: [], queues: [], rules: { hash: "h", findings: 2 } };
    const state = run(started({ offers: [first], link: "reconnecting" }), live(hello));
    expect(state).toMatchObject({ offers: [], link: "live", findings: 2, me: { presence: "away" } });
  });
});

describe("waiting for an answer", () => {
  const said = (n: number, type: "customer" | "bot") => live({ type: "conversation", conversation: conversation("cnv_1", { last: { at: at(n), author: { type }, text: "" } }) });

  it("counts from the first message that was not answered", () => {
    const asked = run(started(), said(10, "customer"), said(20, "customer"));
    expect(asked.asked["cnv_1"]).toBe(at(10));
    expect(run(asked, said(30, "bot")).asked["cnv_1"]).toBeUndefined();
    expect(run(asked, said(30, "bot"), said(40, "customer")).asked["cnv_1"]).toBe(at(40));
  });
});

describe("what a newer daemon says", () => {
  it("changes nothing", () => {
    const { seq: _, ...before } = started();
    expect(run(started(), live({ type: "news" } as unknown as LiveEvent))).toMatchObject(before);
  });
});

describe("reading", () => {
  const said = (messages: number, n: number) => live({ type: "conversation", conversation: conversation("cnv_1", { messages, last: { at: at(n), author: { type: "customer" }, text: "" } }) });
  const count = (state: State) => unread(state.conversations["cnv_1"] ?? conversation("cnv_1"), state.seen);

  it("starts at the last message and counts what comes", () => {
    const known = run(started({ conversations: {} }), said(4, 1));
    expect(count(known)).toBe(1);
    const more = run(known, said(6, 3));
    expect(count(more)).toBe(3);
    expect(count(run(more, { type: "seen", conversation: "cnv_1" }))).toBe(0);
  });
});

describe("the session", () => {
  it("begins with what was kept and ends with nothing", () => {
    const begun = run(started({ queues: [] }), { type: "signed_in", me: { agent: mei, csrf: "t" }, seen: {}, sending: [sending("c1", "kept")] });
    expect(begun.sending).toHaveLength(1);
    expect(begun.conversations).toEqual({});
    expect(run(begun, { type: "signed_out" })).toMatchObject({ me: null, sending: [] });
  });

  it("follows the agent's own presence", () => {
    const state = run(started(), live({ type: "agent", agent: { ...mei, presence: "away" } }), live({ type: "agent", agent: { ...mei, id: "agt_x" } }));
    expect(state.me?.presence).toBe("away");
    expect(Object.keys(state.agents)).toEqual(["agt_mei", "agt_x"]);
  });
});
