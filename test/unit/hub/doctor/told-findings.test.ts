import { expect, test } from "vitest";
import { toldFindings } from "../../../../hub/cli/doctor/told-findings.ts";
import { findingsText } from "../../../../shared/doctor/findings-text.ts";

const now = { check: "clock", group: "hub", level: "ok", what: "well", where: "clock", fix: null };

test("findings of this version stay as they are", () => {
  expect(toldFindings([now])).toEqual([now]);
});

test("those of an older hub have no group, and other levels", () => {
  const of = (level: string) => ({
    check: "root-key",
    level,
    what: "it is here",
    where: "/d",
    fix: "move it",
  });
  const told = toldFindings([of("wrong"), of("advice")]);
  expect(told.map(({ level, group }) => [level, group])).toEqual([
    ["fault", "hub"],
    ["warning", "hub"],
  ]);
  expect(findingsText(told)).toContain("fix: move it");
});

test("a level of the future is a note, and what is no finding is nothing", () => {
  expect(toldFindings([{ ...now, level: "grave" }, null, "x"])).toEqual([{ ...now, level: "note" }]);
  expect(findingsText(toldFindings([{}]))).toContain("take the command of its version");
});
