/** What a doctor says: one row for each thing that was looked at, with the way out where something is wrong. */
import { errorReport, isPetrelError, PetrelError } from "../errors.ts";
import { suggestion } from "../nearest.ts";

/**
 * `fault` does not work, or will not for long, and has to be mended; `warning` works, and is likely to fail or is weak;
 * `note` is worth knowing, or could not be looked at; `ok` was looked at and is well.
 */
export const levels = ["fault", "warning", "note", "ok"] as const;
export type Level = (typeof levels)[number];

export interface Finding {
  /** Stable name of the check; one check may have several findings. */
  readonly check: string;
  /** What it is about, for tables: `hub`, `disk`, `kernel`, … */
  readonly group: string;
  readonly level: Level;
  readonly what: string;
  /** File, setting, key, agent, address. */
  readonly where: string;
  /** How to mend it, mostly a command; `null` where nothing is to be done. */
  readonly fix: string | null;
}

/** A finding before it is known which check it is of. */
export type Found = Omit<Finding, "check" | "group">;

export const fault = (what: string, where: string, fix: string): Found => ({
  level: "fault",
  what,
  where,
  fix,
});
export const warning = (what: string, where: string, fix: string): Found => ({
  level: "warning",
  what,
  where,
  fix,
});
export const note = (what: string, where: string, fix: string | null = null): Found => ({
  level: "note",
  what,
  where,
  fix,
});
export const ok = (what: string, where: string): Found => ({ level: "ok", what, where, fix: null });

/** What this user may not look at, as the error says; `null` for an error of another kind. */
export function closedFound(error: unknown): Found | null {
  for (let each = error; each instanceof Error; each = each.cause) {
    const { code, path } = each as NodeJS.ErrnoException;
    if (code !== "EACCES" && code !== "EPERM") continue;
    return note("this user may not look at it", path ?? "this check", "run the doctor as root");
  }
  return null;
}

/** An error as a finding: one of ours knows the place, and the way out. What may not be looked at is not at fault. */
export function errorFound(error: Error, where: string, fix: string): Found {
  const closed = closedFound(error);
  if (closed !== null) return closed;
  const report = errorReport(error);
  const what = isPetrelError(error) ? `${report.code}: ${report.message}` : report.message;
  return fault(what, report.where ?? where, report.fix ?? fix);
}

/** CLI_USAGE for the name of a check that there is not. */
export function requireChecks(named: readonly string[], known: readonly string[]): void {
  for (const name of named) {
    if (known.includes(name)) continue;
    throw new PetrelError("CLI_USAGE", `there is no check '${name}'`, { hint: suggestion(name, known) });
  }
}

export const hasFault = (findings: readonly Pick<Finding, "level">[]): boolean =>
  findings.some(({ level }) => level === "fault");

/** Of what may be found of each agent of a fleet: nobody reads ten thousand rows. */
const mostOfOneKind = 20;

/** The first of them, and one that says how many more there are, as severe as the worst of these; `list` is where all are shown. */
export function firstOf(found: readonly Found[], list: string): readonly Found[] {
  const rest = found.slice(mostOfOneKind);
  if (rest.length === 0) return found;
  const level = levels.find((each) => rest.some((one) => one.level === each)) ?? "note";
  return [
    ...found.slice(0, mostOfOneKind),
    { level, what: `the same of ${rest.length} more`, where: `${rest.length} more`, fix: list },
  ];
}
