import { expect, test } from "vitest";
import { fault, firstOf, hasFault, note, ok, warning } from "../../../../shared/doctor/finding.ts";
import { findingsText } from "../../../../shared/doctor/findings-text.ts";
import { type Check, runChecks } from "../../../../shared/doctor/run-checks.ts";
import { PetrelError } from "../../../../shared/errors.ts";
import type { Timers } from "../../../../shared/timers.ts";

/** Every wait is over at once. */
const hasty: Timers = {
  after: (_ms, callback) => {
    queueMicrotask(callback);
    return () => {};
  },
};
/** None ever is. */
const patient: Timers = { after: () => () => {} };

const run = (checks: readonly Check<null>[], timers = patient) =>
  runChecks(checks, null, { timers, withinMs: 5_000 });
const closed = Object.assign(new Error("EACCES: no"), { code: "EACCES", path: "/root/x" });

test("a check that finds nothing is well; the others stand in their order", async () => {
  const findings = await run([
    ["one", "a", "all is well", () => []],
    ["two", "b", "", async () => [fault("broken", "/x", "mend it"), ok("whole", "/y")]],
  ]);
  expect(findings).toEqual([
    { check: "one", group: "a", level: "ok", what: "all is well", where: "a", fix: null },
    { check: "two", group: "b", level: "fault", what: "broken", where: "/x", fix: "mend it" },
    { check: "two", group: "b", level: "ok", what: "whole", where: "/y", fix: null },
  ]);
  expect(hasFault(findings)).toBe(true);
});

test("a check that breaks is a finding, and stops no other", async () => {
  const broken: Check<null> = ["broken", "a", "", () => JSON.parse("{")];
  const findings = await run([broken, ["other", "a", "well", () => []]]);
  expect(findings.map(({ check, level }) => [check, level])).toEqual([
    ["broken", "warning"],
    ["other", "ok"],
  ]);
  expect(findings[0]?.what).toContain("JSON");
});

test.each([
  ["the system's error", closed],
  ["one of ours about it", new PetrelError("FILE_UNREADABLE", "no", { cause: closed })],
])("what this user may not see is a note: %s", async (_, error) => {
  const [found] = await run([["closed", "a", "", () => Promise.reject(error)]]);
  expect(found).toMatchObject({ level: "note", where: "/root/x", fix: "run the doctor as root" });
});

test("a check that does not end is a finding", async () => {
  const [found] = await run([["slow", "a", "", () => new Promise(() => {})]], hasty);
  expect(found).toMatchObject({
    check: "slow",
    level: "warning",
    what: expect.stringContaining("within 5 s"),
  });
});

test("of many alike the first are shown, and how many more there are, as severe as the worst of them", () => {
  const many = [...Array.from({ length: 25 }, (_, i) => note("n", `${i}`)), warning("w", "x", "y")];
  const shown = firstOf(many, "petrel agent list");
  expect(shown).toHaveLength(21);
  expect(shown.at(-1)).toEqual({
    level: "warning",
    what: "the same of 6 more",
    where: "6 more",
    fix: "petrel agent list",
  });
});

test("people read them by group, the worst first", async () => {
  const findings = await run([
    ["one", "disk", "", () => [ok("much room", "/data")]],
    ["two", "hub", "", () => [note("in\u001b[31m dev", "--dev", "leave it out")]],
    ["three", "disk", "", () => [fault("no room", "/data", "make some")]],
    ["four", "hub", "", () => [ok("a", "/a.crt"), ok("b", "/b.crt")]],
  ]);
  expect(findingsText(findings)).toBe(
    [
      "disk",
      "  FAULT    three: /data: no room",
      "           fix: make some",
      "  ok       one: much room",
      "",
      "hub",
      "  note     two: --dev: in\\u001b[31m dev",
      "           fix: leave it out",
      "  ok       four: /a.crt: a",
      "  ok       four: /b.crt: b",
      "",
      "1 fault, 1 note, 3 checks are well",
      "",
    ].join("\n"),
  );
});
