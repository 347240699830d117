import { expect, test } from "vitest";
import { isEcho } from "../../../../shared/mqtt/echo.ts";
import type { Side, TopicKind } from "../../../../shared/wire/messages.ts";

const hello = (from: Side) => ({ v: 1, type: "hello", from, session: "s", incarnation: "i" });
const ask = (from: Side, args: object) => ({ v: 1, from, id: "01JABCDEFGHJKMNPQRSTVWXYZ0", op: "x", args });

test.each<[string, Side, TopicKind, object, boolean]>([
  ["the hub's own hello", "hub", "hello", hello("hub"), true],
  ["an agent's hello", "hub", "hello", hello("agent"), false],
  ["the agent's own ask", "agent", "ask", ask("agent", {}), true],
  ["an ask whose arguments look like the hub's", "hub", "ask", ask("agent", { from: "hub" }), false],
  ["a topic that only one side publishes on", "hub", "up", hello("hub"), false],
])("%s", (_what, side, kind, message, echo) => {
  expect(isEcho(side, kind, Buffer.from(JSON.stringify(message)))).toBe(echo);
});
