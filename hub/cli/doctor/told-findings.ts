/** What a hub of another version has found, in the words of this command. Pure. */

import { type Finding, type Level, levels } from "../../../shared/doctor/finding.ts";
import { isObject } from "../../../shared/json.ts";

/** Levels of the hubs before there were findings that are well. */
const formerly: Readonly<Record<string, Level>> = { wrong: "fault", advice: "warning" };

/** A level that this command does not know is worth a note; what is no finding is left out. */
export function toldFindings(items: readonly unknown[]): readonly Finding[] {
  return items.filter(isObject).map(({ check, group, level, what, where, fix }) => ({
    check: text(check) ?? "unnamed",
    group: text(group) ?? "hub",
    level: levels.find((each) => each === level) ?? formerly[String(level)] ?? "note",
    what:
      text(what) ?? "the hub does not say in a way that this version reads: take the command of its version",
    where: text(where) ?? "hub",
    fix: text(fix),
  }));
}

const text = (value: unknown): string | null => (typeof value === "string" ? value : null);
