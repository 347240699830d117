/**
 * An upgrade on trial, and how one ended, as they stand on disk: lines `name=value`, since the guard reads them too,
 * which is plain sh. Pure.
 */
import { isVersion } from "./release.ts";

/** Written before the switch and removed when the trial has ended: while it is there, the new version is on trial. */
export interface Pending {
  readonly from: string;
  readonly to: string;
  /** Of the file that was staged, in hexadecimal. */
  readonly sha256: string;
  /** RFC 3339 */
  readonly at: string;
  /** How it was before, and so has to be again. */
  readonly linked: boolean;
  /** Sensors that ran. */
  readonly sensors: readonly string[];
  /** Formats of the database that the two versions read. */
  readonly formatFrom: number;
  readonly formatTo: number;
  /** Why it is on its way back, once that is decided: whoever finds this goes on with it. `null`: it is not. */
  readonly back: string | null;
}

/** False when the old version could not read what the new one has made of the database: then nothing goes back. */
export const isWayBackOpen = ({ formatFrom, formatTo }: Pick<Pending, "formatFrom" | "formatTo">): boolean =>
  formatFrom === formatTo;

export interface UpgradeOutcome {
  readonly from: string;
  readonly to: string;
  /** `kept`: not well, and the way back is closed. */
  readonly result: "upgraded" | "rolled-back" | "kept";
  readonly why: string;
  /** RFC 3339 */
  readonly at: string;
}

/** One line each: nothing that is written may begin another. */
const oneLine = (text: string) => text.replace(/\p{Cc}+/gu, " ").trim();

const written = (pairs: readonly (readonly [string, string])[]) =>
  pairs.map(([name, value]) => `${name}=${oneLine(value)}\n`).join("");

function fieldsOf(text: string): ReadonlyMap<string, string> {
  return new Map(
    text
      .split("\n")
      .map((line) => [line.indexOf("="), line] as const)
      .filter(([at]) => at > 0)
      .map(([at, line]) => [line.slice(0, at), line.slice(at + 1)] as const),
  );
}

export function pendingText(pending: Pending): string {
  const { from, to, sha256, at, linked, sensors, formatFrom, formatTo, back } = pending;
  return written([
    ["from", from],
    ["to", to],
    ["sha256", sha256],
    ["at", at],
    ["linked", linked ? "yes" : "no"],
    ["sensors", sensors.join(" ")],
    ["format_from", String(formatFrom)],
    ["format_to", String(formatTo)],
    // The guard, too, takes a mark without a reason for none.
    ...(back === null ? [] : [["back", oneLine(back) || "unknown"] as const]),
  ]);
}

/** `null` for what is no such record: it is as good as none. */
export function parsePending(text: string | null): Pending | null {
  if (text === null) return null;
  const fields = fieldsOf(text);
  const [from = "", to = "", sha256 = ""] = ["from", "to", "sha256"].map((name) => fields.get(name));
  if (!isVersion(from) || !isVersion(to) || !/^[0-9a-f]{64}$/.test(sha256)) return null;
  const [formatFrom, formatTo] = ["format_from", "format_to"].map((name) => fields.get(name) ?? "");
  if (!/^\d{1,6}$/.test(formatFrom ?? "") || !/^\d{1,6}$/.test(formatTo ?? "")) return null;
  return {
    from,
    to,
    sha256,
    at: fields.get("at") ?? "",
    linked: fields.get("linked") === "yes",
    sensors: (fields.get("sensors") ?? "").split(" ").filter((name) => name !== ""),
    formatFrom: Number(formatFrom),
    formatTo: Number(formatTo),
    back: fields.get("back") ?? null,
  };
}

export function outcomeText({ from, to, result, why, at }: UpgradeOutcome): string {
  return written(Object.entries({ from, to, result, why, at }));
}

const isResult = (text: string | undefined): text is UpgradeOutcome["result"] =>
  text === "upgraded" || text === "rolled-back" || text === "kept";

export function parseOutcome(text: string | null): UpgradeOutcome | null {
  if (text === null) return null;
  const fields = fieldsOf(text);
  const result = fields.get("result");
  const [from = "", to = ""] = ["from", "to"].map((name) => fields.get(name));
  if (!isVersion(from) || !isVersion(to) || !isResult(result)) return null;
  return { from, to, result, why: fields.get("why") ?? "", at: fields.get("at") ?? "" };
}
