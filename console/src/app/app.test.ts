import { describe, expect, it } from "vitest";
import { backoff } from "../live/socket";
import { observeServerDate, serverNow } from "../lib/clock";
import { difference } from "../customer/EditCustomer";
import { at } from "../store/samples";
import { KeyReader, shortcuts } from "./hotkeys";
import type { Press } from "./hotkeys";
import { hashOf, pathOf, routeOf, viewOf } from "./router";
import type { Route } from "./router";

const press = (key: string, change: Partial<Press> = {}): Press => ({ key, ctrlKey: false, metaKey: false, altKey: false, isComposing: false, repeat: false, ...change });

describe("shortcuts", () => {
  it.each<[string, [Press, number][], (string | undefined)[]]>([
    ["a single key", [[press("a"), 0]], ["accept"]],
    ["a sequence", [[press("g"), 0], [press("m"), 500]], [undefined, "mine"]],
    ["a sequence that took too long", [[press("g"), 0], [press("m"), 5_000]], [undefined, undefined]],
    ["a key after a broken sequence", [[press("g"), 0], [press("x"), 100], [press("r"), 200]], [undefined, undefined, "reply"]],
    ["a key with Ctrl", [[press("a", { ctrlKey: true }), 0]], [undefined]],
    ["a key while composing", [[press("a", { isComposing: true }), 0]], [undefined]],
    ["a key held down", [[press("e", { repeat: true }), 0]], [undefined]],
    ["moving, held down", [[press("j", { repeat: true }), 0]], ["next"]],
  ])("%s", (_, presses, expected) => {
    const reader = new KeyReader();
    expect(presses.map(([each, now]) => reader.read(each, now))).toEqual(expected);
  });

  it("have each key and each command once", () => {
    expect(new Set(shortcuts.map((each) => each.keys)).size).toBe(shortcuts.length);
    expect(new Set(shortcuts.map((each) => each.command)).size).toBe(shortcuts.length);
  });
});

describe("addresses", () => {
  it.each<Route>([{ page: "home" }, { page: "conversation", id: "cnv_1" }, { page: "customer", id: "a/b %" }, { page: "admin", section: "rules" }])("%j comes back from its path", (route) => {
    expect(routeOf(pathOf(route))).toEqual(route);
  });

  it.each([
    ["/console", { page: "home" }],
    ["/console/nonsense/x", { page: "home" }],
    ["/console/conversations", { page: "home" }],
    ["/console/conversations/%E0%A4%A", { page: "home" }],
    ["/console/admin/nonsense", { page: "admin", section: "agents" }],
  ] as const)("%s is safe", (path, route) => {
    expect(routeOf(path)).toEqual(route);
  });
});

describe("what is chosen within a page", () => {
  it.each([{}, { rule: "要找真人 & more #1", queue: "care" }, { file: "20-people.yaml", line: "4" }])("%j comes back from the address", (view) => {
    expect(viewOf(hashOf(view))).toEqual(view);
  });

  it("leaves out what is not chosen", () => {
    expect(hashOf({ rule: undefined, queue: "", channel: "http" })).toBe("#channel=http");
  });
});

describe("the wait before another try", () => {
  it.each([
    [0, 0, 250],
    [0, 1, 500],
    [3, 1, 4_000],
    [10, 0, 5_000],
    [10_000, 1, 10_000],
  ])("number %d with chance %d is %d ms", (attempt, random, expected) => {
    expect(backoff(attempt, random)).toBe(expected);
  });
});

describe("the daemon's clock", () => {
  it.each<[string, string | null, number]>([
    ["is believed when it differs", new Date(Date.UTC(2030, 0, 1)).toUTCString(), Date.UTC(2030, 0, 1)],
    ["is ours when it differs little", new Date(Date.now() + 1_000).toUTCString(), Date.now()],
    ["is ours without a date", null, Date.now()],
  ])("%s", (_, header, expected) => {
    observeServerDate(new Date().toUTCString(), Date.now());
    observeServerDate(header, Date.now());
    expect(Math.abs(serverNow() - expected)).toBeLessThan(5_000);
  });
});

describe("a customer's change", () => {
  const customer = { id: "cus", name: "Lena", verified: false, addresses: [], identifiers: [], attributes: { plan: "Plus", city: "Hamburg" }, first_seen: at(0), last_seen: at(0), conversations: [], merges: [] };
  const rows = Object.entries(customer.attributes).map(([name, value]) => ({ name, value }));
  it.each([
    ["nothing", "Lena", rows, {}],
    ["the name", " Lena H ", rows, { name: "Lena H" }],
    ["an attribute", "Lena", [{ name: "plan", value: "Basic" }, rows[1]!], { attributes: { plan: "Basic" } }],
    ["an attribute removed", "Lena", [rows[0]!], { attributes: { city: null } }],
    ["an attribute added, one without a name left out", "Lena", [...rows, { name: " tier ", value: "gold" }, { name: "", value: "x" }], { attributes: { tier: "gold" } }],
  ])("%s", (_, name, wanted, expected) => {
    expect(difference(customer, name, "", wanted)).toEqual(expected);
  });
});
