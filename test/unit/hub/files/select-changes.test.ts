import { expect, test } from "vitest";
import { type ChangeQuery, changeSelector } from "../../../../hub/files/select-changes.ts";
import type { JsonObject } from "../../../../shared/json.ts";
import { aFileChange } from "../../../support/file-changes.ts";

const fits = (query: ChangeQuery, payload: JsonObject = {}) =>
  changeSelector(query)({ instance: aFileChange(payload), ack: null });

test.each<[ChangeQuery, JsonObject]>([
  [{}, {}],
  [{ path: "/etc/**" }, {}],
  [{ path: "sshd_*" }, {}],
  [{ path: "/etc/ssh/" }, {}],
  [{ path: "/etc/*" }, { path: "/srv/x", old_path: "/etc/x" }],
  [{ path: "/srv/ä*" }, { path: "/srv/äö" }],
  // Readable text would not fit, the exact bytes do.
  [
    { path: "/srv/a*z" },
    { path: "/srv/\\xff", path_base64: Buffer.from("/srv/a\xffz", "latin1").toString("base64") },
  ],
  [{ user: "root" }, {}],
  [{ user: "ann" }, {}],
  [{ user: "0" }, {}],
  [{ exe: "vim*" }, {}],
  [{ exe: "/usr/bin/*" }, {}],
  [{ labels: { role: "web" } }, {}],
  [{ via: "dpkg" }, { via: "dpkg" }],
  [{ status: "modified", severity: "info", user: "root", path: "/etc/**" }, {}],
])("%j fits a change with %j", (query, payload) => {
  expect(fits(query, payload)).toBe(true);
});

test.each<[ChangeQuery, JsonObject]>([
  [{ path: "/etc" }, {}],
  [{ path: "/etc/*" }, {}],
  [{ path: "/srv/**" }, {}],
  [{ path: "**" }, { path: null }],
  [{ user: "roo" }, {}],
  [{ user: "null" }, { actor: null }],
  [{ user: "undefined" }, { actor: {} }],
  [{ exe: "vim" }, {}],
  [{ exe: "*" }, { actor: { unknown: "gone before it was asked for" } }],
  [{ labels: { role: "web", site: "bonn" } }, {}],
  [{ labels: { toString: "web" } }, {}],
  [{ via: "dpkg" }, {}],
  [{ status: "deleted" }, {}],
  [{ status: "modified", severity: "high" }, {}],
])("%j does not fit a change with %j", (query, payload) => {
  expect(fits(query, payload)).toBe(false);
});

test("a payload that is no object fits what asks for nothing in it, and nothing else", () => {
  const change = { instance: { ...aFileChange(), payload: "x" }, ack: null };
  expect(changeSelector({})(change)).toBe(true);
  expect(changeSelector({ path: "**" })(change)).toBe(false);
});

test("a pattern that cannot be used is refused before anything is looked at", () => {
  expect(() => changeSelector({ path: "/etc/[a" })).toThrow(expect.objectContaining({ code: "WATCH_GLOB" }));
  expect(() => changeSelector({ exe: "{a" })).toThrow(expect.objectContaining({ code: "WATCH_GLOB" }));
});
