import { expect, test } from "vitest";
import { isScope } from "../../../../hub/access/authority.ts";
import { permissions, publicRoutes, routeName } from "../../../../hub/access/permissions.ts";
import { startApi } from "../../../support/start-api.ts";

test("the table has exactly the routes that there are", async () => {
  const { api } = await startApi();
  await api.ready();
  expect([...permissions.keys(), ...publicRoutes].sort()).toEqual([...api.routeNames].sort());
});

test("what changes something is never for observers", () => {
  const open = [...permissions].filter(([, { role, reads }]) => !reads && role === "observer");
  expect(open).toEqual([]);
});

test("each has a noun and a verb that a scope can name", () => {
  for (const { noun, verb } of permissions.values()) expect(isScope(`${noun}:${verb}`)).toBe(true);
});

test.each([
  ["POST", "/v1/webhooks/st2/", "POST /v1/webhooks/st2"],
  ["POST", "/v1/webhooks/*", "POST /v1/webhooks/:url"],
  ["GET", "/", "GET /"],
])("%s %s is %s", (method, url, name) => {
  expect(routeName(method, url)).toBe(name);
});
