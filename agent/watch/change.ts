/** From the difference of two looks to what is told: status, payload of `watch.file_changed`. Pure. */
import { timestamp } from "../../shared/clock.ts";
import type { Json, JsonObject } from "../../shared/json.ts";
import type { AttributeName } from "../../shared/watch/attributes.ts";
import { type BytePath, shownPath } from "../../shared/watch/paths.ts";
import type { WatchedPath } from "../../shared/watch/settings.ts";
import type { Actor } from "./actor.ts";
import { differences, type Look, type Stat, statusOf } from "./look.ts";
import type { BaselineRecord, FreshLook } from "./record.ts";

export type ChangeStatus =
  | "created"
  | "modified"
  | "deleted"
  | "renamed"
  | "attributes"
  | "transient"
  /** What was there is not known, since its record could not be believed: told is what is there now. */
  | "unverified";
export type DetectedBy = "event" | "reconcile" | "sweep";

/** How a change was come upon. */
export interface Finding {
  readonly by: DetectedBy;
  /** ms since the epoch. */
  readonly at: number;
  /** When the event was read, by the same clock; `null` when none told of it. */
  readonly heardAt: number | null;
  /** Set when it happened while nobody looked: from the last sign of life to the start. ms since the epoch. */
  readonly offline: { readonly since: number; readonly until: number } | null;
}

export interface Change {
  readonly status: ChangeStatus;
  readonly path: BytePath;
  readonly oldPath: BytePath | null;
  readonly before: BaselineRecord | null;
  readonly after: FreshLook | null;
  readonly changed: readonly AttributeName[];
  /** Paths that moved along with a folder. */
  readonly along: number;
}

/** `null` when nothing that is selected differs. */
export function changeOf(
  path: BytePath,
  before: BaselineRecord | null,
  after: FreshLook | null,
  attributes: ReadonlySet<AttributeName>,
): Change | null {
  const base = { path, oldPath: null, before, after, along: 0 };
  if (before === null) return after === null ? null : { ...base, status: "created", changed: [] };
  if (after === null) return { ...base, status: "deleted", changed: [] };
  const changed = differences(before, after).filter((name) => attributes.has(name));
  if (changed.length === 0) return null;
  return { ...base, status: statusOf(before, after, changed), changed };
}

/** Of a path whose record cannot be believed; `after` `null`: nothing is there now. */
export function unverified(path: BytePath, after: FreshLook | null): Change {
  return { status: "unverified", path, oldPath: null, before: null, after, changed: [], along: 0 };
}

export interface Moved {
  readonly from: BytePath;
  readonly to: BytePath;
  readonly before: BaselineRecord;
  readonly after: FreshLook;
  readonly replaced: BaselineRecord | null;
  readonly along: number;
}

/**
 * A file that was moved onto another, as editors and package managers save, is a change of that other file: who watches
 * it is told what is in it now. Everything else that moved is `renamed`; `changed` says what a move alone does not do.
 */
export function moveOf(
  { from, to, before, after, replaced, along }: Moved,
  attributes: ReadonlySet<AttributeName>,
): Change {
  if (replaced !== null && replaced.stat.kind !== "directory" && after.stat.kind !== "directory") {
    const change = changeOf(to, replaced, after, attributes);
    // Nothing of the other file that is selected differs: then one of two equal files has gone.
    if (change === null)
      return { status: "deleted", path: from, oldPath: null, before, after: null, changed: [], along };
    return { ...change, oldPath: from };
  }
  const changed = differences(before, after).filter((name) => attributes.has(name) && name !== "ctime");
  return { status: "renamed", path: to, oldPath: from, before, after, changed, along };
}

export interface ToldWith {
  readonly entry: WatchedPath;
  readonly finding: Finding;
  readonly actor: Actor;
  readonly names: AccountNames;
}

/** User and group names by number; `null` when the host knows none. */
export interface AccountNames {
  user(uid: number): string | null;
  group(gid: number): string | null;
}

/** The payload of `watch.file_changed`. */
export function payloadOf(change: Change, told: ToldWith): JsonObject {
  const { entry, finding, actor, names } = told;
  const { status, oldPath, before, after, changed, along } = change;
  const shown = shownPath(change.path);
  const old = oldPath === null ? null : shownPath(oldPath);
  const { via, ...who } = actor;
  return {
    ...shown,
    status,
    time: timestamp(timeOf(change, finding)),
    detected_at: timestamp(finding.at),
    detected_by: finding.by,
    offline: finding.offline !== null,
    ...(finding.offline !== null && {
      window: { since: timestamp(finding.offline.since), until: timestamp(finding.offline.until) },
    }),
    ...(old !== null && { old_path: old.path }),
    ...(old?.path_base64 !== undefined && { old_path_base64: old.path_base64 }),
    kind: (after ?? before)?.stat.kind ?? "other",
    before: before === null ? null : lookJson(before, names),
    after: after === null ? null : lookJson(after, names),
    changed: [...changed],
    ...(along > 0 && { children: along }),
    actor: who as JsonObject,
    tags: [...entry.tags],
    severity: entry.severity,
    ...(via !== undefined && { via }),
  };
}

/** The payload for something, or `count` things in a folder, that came and went between two looks. */
export function transientPayload(
  path: BytePath,
  kind: "directory" | "other",
  count: number,
  { entry, finding, actor }: Pick<ToldWith, "entry" | "finding" | "actor">,
): JsonObject {
  const { via, ...who } = actor;
  return {
    ...shownPath(path),
    status: "transient",
    time: timestamp(finding.heardAt ?? finding.at),
    detected_at: timestamp(finding.at),
    detected_by: finding.by,
    offline: false,
    kind,
    before: null,
    after: null,
    changed: [],
    count,
    actor: who as JsonObject,
    tags: [...entry.tags],
    severity: entry.severity,
    ...(via !== undefined && { via }),
  };
}

/** When it happened, as near as it is known: the inode's own time of change, else when the event was read. */
function timeOf({ after }: Change, { heardAt, at }: Finding): number {
  const changedAt = after === null ? null : Number(after.stat.ctimeNs / 1_000_000n);
  if (changedAt !== null && changedAt > 0 && changedAt <= at + 1_000) return changedAt;
  return heardAt ?? at;
}

function lookJson({ stat, extras }: Look, names: AccountNames): JsonObject {
  const { digest, digestMissing, target, xattrs } = extras;
  return {
    size: safeNumber(stat.size),
    mode: stat.mode.toString(8).padStart(4, "0"),
    uid: stat.uid,
    gid: stat.gid,
    owner: names.user(stat.uid),
    group: names.group(stat.gid),
    mtime: nanosecondTime(stat.mtimeNs),
    ctime: nanosecondTime(stat.ctimeNs),
    ino: safeNumber(stat.ino),
    links: stat.links,
    ...(digest !== null && { digest: `sha256:${digest}` }),
    ...(digestMissing !== undefined && { digest_missing: digestMissing }),
    ...(target !== undefined && shownTarget(target)),
    ...(xattrs !== undefined && { xattrs: { ...xattrs } }),
  };
}

function shownTarget(target: BytePath): JsonObject {
  const { path, path_base64 } = shownPath(target);
  return { target: path, ...(path_base64 !== undefined && { target_base64: path_base64 }) };
}

/** Beyond 2^53 a JSON number would be another one. */
function safeNumber(value: bigint): Json {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : String(value);
}

/** RFC 3339 with nanoseconds; what no calendar has stays a number of seconds. */
export function nanosecondTime(ns: Stat["mtimeNs"]): string {
  const seconds = ns / 1_000_000_000n - (ns < 0n && ns % 1_000_000_000n !== 0n ? 1n : 0n);
  const rest = ns - seconds * 1_000_000_000n;
  const ms = Number(seconds) * 1_000;
  if (!Number.isSafeInteger(ms) || Math.abs(ms) > 8.64e15) return `${seconds}`;
  const text = timestamp(ms);
  return `${text.slice(0, 19)}.${String(rest).padStart(9, "0")}Z`;
}
