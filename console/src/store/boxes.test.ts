import { describe, expect, it } from "vitest";
import { inBox, unread } from "./boxes";
import { at, conversation, mei } from "./samples";

const last = (n: number, type: "customer" | "bot" = "customer") => ({ at: at(n), author: { type }, text: "" });

const known = {
  me: mei,
  boxes: {},
  conversations: Object.fromEntries(
    [
      conversation("mine-old", { last: last(1) }),
      conversation("mine-new", { last: last(5) }),
      conversation("theirs", { agent: { id: "agt_x", name: "X" }, last: last(4) }),
      conversation("second", { owner: "queue", queue: "care", position: 2, last: last(3) }),
      conversation("first", { owner: "queue", queue: "care", position: 1, last: last(2) }),
      conversation("elsewhere", { owner: "queue", queue: "sales", position: 1, waiting_since: at(9), last: last(6) }),
      conversation("done", { owner: "closed", last: last(7) }),
    ].map((each) => [each.id, each]),
  ),
};

describe("a box", () => {
  it.each([
    ["mine", undefined, ["mine-new", "mine-old"]],
    ["queued", "care", ["first", "second"]],
    ["queued", undefined, ["first", "elsewhere", "second"]],
    ["open", undefined, ["elsewhere", "mine-new", "theirs", "second", "first", "mine-old"]],
    ["closed", undefined, ["done"]],
  ] as const)("%s of %s has its conversations in its order", (box, queue, expected) => {
    expect(inBox(known, box, queue).map((each) => each.id)).toEqual(expected);
  });

  it("shows nothing from beyond the part that was fetched", () => {
    expect(inBox({ ...known, boxes: { open: { floor: at(4) } } }, "open").map((each) => each.id)).toEqual(["elsewhere", "mine-new", "theirs"]);
  });
});

describe("unread", () => {
  it.each([
    ["never opened", undefined, last(5), 3, 1],
    ["read to the end", { at: at(5), messages: 3 }, last(5), 3, 0],
    ["two more since", { at: at(3), messages: 1 }, last(5), 3, 2],
    ["newer, though not counted", { at: at(3), messages: 3 }, last(5), 3, 1],
    ["answered by the bot", { at: at(3), messages: 1 }, last(5, "bot"), 3, 0],
  ])("%s", (_, seen, said, messages, expected) => {
    expect(unread(conversation("c", { last: said, messages }), seen ? { c: seen } : {})).toBe(expected);
  });
});
