/** A doctor's findings for people, by group: what is well in one line, what is not with its way out. Pure. */
import { plain } from "../plain-text.ts";
import { type Finding, type Level, levels } from "./finding.ts";

const marks: Readonly<Record<Level, string>> = {
  fault: "FAULT",
  warning: "warning",
  note: "note",
  ok: "ok",
};
const widest = Math.max(...Object.values(marks).map(({ length }) => length));
const named: Readonly<Record<Level, readonly [one: string, many: string]>> = {
  fault: ["fault", "faults"],
  warning: ["warning", "warnings"],
  note: ["note", "notes"],
  ok: ["check is well", "checks are well"],
};

/** Lines, each with its line end; the last one counts. */
export function findingsText(findings: readonly Finding[]): string {
  const groups = Map.groupBy(findings, ({ group }) => group);
  const blocks = [...groups].map(
    ([group, rows]) =>
      `${plain(group)}\n${worstFirst(rows)
        .map((row) => lines(row, rows.filter(({ check }) => check === row.check).length > 1))
        .join("")}`,
  );
  return [...blocks, `${summary(findings)}\n`].join("\n");
}

/** `1 fault, 2 warnings, 12 checks are well`. */
export function summary(findings: readonly Pick<Finding, "level">[]): string {
  const counts = levels.flatMap((level) => {
    const count = findings.filter((each) => each.level === level).length;
    return count === 0 ? [] : [`${count} ${named[level][count === 1 ? 0 : 1]}`];
  });
  return counts.join(", ") || "nothing was looked at";
}

function worstFirst(rows: readonly Finding[]): readonly Finding[] {
  return levels.flatMap((level) => rows.filter((each) => each.level === level));
}

function lines({ check, level, what, where, fix }: Finding, several: boolean): string {
  const indent = " ".repeat(widest + 4);
  const told = level === "ok" && !several ? plain(what) : `${plain(where)}: ${plain(what)}`;
  const first = `  ${marks[level].padEnd(widest)}  ${plain(check)}: ${told}\n`;
  return fix === null ? first : `${first}${indent}fix: ${plain(fix)}\n`;
}
