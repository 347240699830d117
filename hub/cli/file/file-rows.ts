/** Changes of files as rows of a table, and in words. */
import { isObject } from "../../../shared/json.ts";
import type { FileChangeView } from "../../http/file-change-view.ts";
import type { Column } from "../output.ts";
import { ago } from "../relative-time.ts";

type Change = FileChangeView;

const fieldOf = (change: Change, name: string): unknown =>
  isObject(change.payload) ? change.payload[name] : undefined;

/** What sets a change apart from others, in a word each. */
export function flagsOf(change: Change): string {
  const { burst, expected, acknowledged, offline, detected_by, via, severity } = change;
  const flags = [
    severity !== null && severity !== "info" && severity,
    via !== null && `via ${via}`,
    expected !== null && "expected",
    acknowledged !== null && "acknowledged",
    burst !== null && "burst",
    offline && "offline",
    detected_by === "sweep" && "sweep",
  ];
  return flags.filter((flag) => flag !== false).join(", ");
}

/** Where it is; a rename as `old → new`, a folder that moved with the number of what went along. */
export function whereOf(change: Change): string {
  const { path, old_path } = change;
  const [children, count] = [fieldOf(change, "children"), fieldOf(change, "count")];
  const where = old_path === null ? (path ?? "") : `${old_path} → ${path ?? ""}`;
  if (typeof children === "number") return `${where} (and ${children} below)`;
  return typeof count === "number" && count > 1 ? `${where} (${count} times)` : where;
}

/** Why there is no user: it must never look as if nobody had done it. */
function userOf(change: Change): string {
  return change.user ?? "unknown";
}

export const columns: readonly Column<Change>[] = [
  { header: "ID", value: ({ id }) => id },
  { header: "WHEN", value: ({ time }, now) => ago(time, now) },
  { header: "AGENT", value: ({ agent }) => agent },
  { header: "STATUS", value: ({ status }) => status },
  { header: "PATH", value: whereOf, cut: true },
  { header: "USER", value: userOf },
  { header: "PROGRAM", value: ({ exe }) => exe, cut: true },
  { header: "FLAGS", value: flagsOf, cut: true },
];

/** One file's history: when exactly, and what of it changed. */
export const historyColumns: readonly Column<Change>[] = [
  { header: "ID", value: ({ id }) => id },
  { header: "TIME", value: ({ time }) => time },
  { header: "STATUS", value: ({ status, old_path }) => (old_path === null ? status : `${status} ←`) },
  { header: "CHANGED", value: changedOf, cut: true },
  { header: "USER", value: userOf },
  { header: "PROGRAM", value: ({ exe }) => exe, cut: true },
  { header: "FLAGS", value: flagsOf, cut: true },
];

function changedOf(change: Change): string {
  if (change.old_path !== null) return whereOf(change);
  const changed = fieldOf(change, "changed");
  return Array.isArray(changed) ? changed.join(" ") : "";
}

/** What a difference of contents is shown as; `null` when the change carries none. */
export function diffOf(change: Change): { readonly text: string; readonly notes: readonly string[] } | null {
  const diff = fieldOf(change, "diff");
  if (!isObject(diff) || typeof diff.text !== "string") return null;
  const notes = [
    diff.truncated === true && "it was longer and has been cut by the agent",
    diff.masked === true && "what looked like a secret is masked",
  ];
  return { text: diff.text, notes: notes.filter((note) => note !== false) };
}

/** What agents tell in `diff_missing`. */
const missingReasons: Readonly<Record<string, string>> = {
  binary: "it is no text",
  "too-large": "it is larger than the path's `diff_max_bytes`",
  "no-earlier-version": "the agent did not keep what was there before",
  "no-digest": "the path is watched without digests",
  unreadable: "its content could not be read",
  changing: "it changed while it was read; a later change tells the difference",
};

/** Why a change carries no difference of contents. */
export function whyNoDiff(change: Change): string {
  const missing = fieldOf(change, "diff_missing");
  if (typeof missing === "string") return missingReasons[missing] ?? missing;
  if (fieldOf(change, "truncated") === true) return "the change was too large to be told with it";
  const { status, kind } = change;
  if (kind !== "file") return `a ${kind ?? "thing that is no file"} has no contents to compare`;
  if (status === "attributes" || status === "renamed") return "its contents did not change";
  if (status === "transient") return "it was gone before it could be read";
  if (status === "unverified") return "what was there is not known: its record could not be believed";
  return "the agent keeps contents only of paths that are watched with `diff: true`";
}
