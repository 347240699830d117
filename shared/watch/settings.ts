/** The configuration of pack `watch` as the sensor uses it, with every default in its place. */
import type { JsonObject } from "../json.ts";
import { surelyFits } from "../schema-fit.ts";
import { type AttributeName, attributeNames } from "./attributes.ts";
import { compileGlob, type Glob } from "./glob.ts";
import { type BytePath, bytePath, normalPath } from "./paths.ts";
import { profilePaths } from "./profiles.ts";

/** One watched path and all that is below it, unless a path below has an entry of its own. */
export interface WatchedPath {
  readonly path: BytePath;
  /** Empty: everything. */
  readonly include: readonly Glob[];
  readonly exclude: readonly Glob[];
  /** Levels below `path`; 0 is the path itself. */
  readonly depth: number;
  /** Changes of these are told. */
  readonly attributes: ReadonlySet<AttributeName>;
  readonly digest: "sha256" | "none";
  /** Bytes; a larger file has no digest. */
  readonly digestMaxBytes: number;
  /** `follow`: what a link points at is watched in its place. */
  readonly symlinks: "record" | "follow";
  readonly tags: readonly string[];
  readonly severity: string;
  /** Its changes pass storms. */
  readonly priority: boolean;
  /** What came and went between two looks is told too. */
  readonly transients: boolean;
  /** Whether the lines that changed in a text file are told. */
  readonly diff: boolean;
  /** Bytes; of a larger file no lines are told. */
  readonly diffMaxBytes: number;
  /** Whether what looks like a secret is hidden in them. */
  readonly diffMask: boolean;
}

export interface WatchSettings {
  readonly paths: readonly WatchedPath[];
  /** ms a path has to be quiet before it is looked at, and the longest it is put off. */
  readonly settle: { readonly quietMs: number; readonly mostMs: number };
  /** Seconds in which everything is looked at once by its metadata, and once by its digests. 0: never. */
  readonly sweep: { readonly everySeconds: number; readonly fullEverySeconds: number };
  /** What sweeps may take, asked for or not: a share of one core, bytes read a second. */
  readonly budget: { readonly cpuPercent: number; readonly bytesPerSecond: number };
  /** Changes a second above which they are a burst. */
  readonly burstPerSecond: number;
  readonly who: "auto" | "audit" | "off";
  readonly backend: "auto" | "fanotify" | "inotify" | "sweep";
}

const text = { type: "string", minLength: 1, maxLength: 4096 } as const;
const globs = { type: "array", items: { type: "string", maxLength: 1024 }, maxItems: 1_000 } as const;

const pathSchema = {
  type: "object",
  required: ["path"],
  additionalProperties: false,
  properties: {
    path: { ...text, pattern: "^/" },
    include: globs,
    exclude: globs,
    depth: { type: "integer", minimum: 0, maximum: 1_000 },
    attributes: { type: "array", items: { enum: attributeNames }, uniqueItems: true },
    digest: { enum: ["sha256", "none"] },
    digest_max_bytes: { type: "integer", minimum: 0 },
    symlinks: { enum: ["record", "follow"] },
    tags: { type: "array", items: text, maxItems: 100 },
    severity: { enum: ["info", "low", "medium", "high", "critical"] },
    priority: { type: "boolean" },
    transients: { type: "boolean" },
    diff: { type: "boolean" },
    diff_max_bytes: { type: "integer", minimum: 0, maximum: 4_194_304 },
    diff_mask: { type: "boolean" },
  },
} as const;

/** JSON Schema of the whole configuration. */
export const settingsSchema = {
  type: "object",
  additionalProperties: false,
  properties: {
    paths: { type: ["array", "null"], items: pathSchema, maxItems: 1_000 },
    profiles: { type: ["array", "null"], items: { type: "string" }, uniqueItems: true },
    settle_ms: { type: "integer", minimum: 0, maximum: 60_000 },
    settle_most_ms: { type: "integer", minimum: 10, maximum: 600_000 },
    sweep_every: { type: "integer", minimum: 0 },
    full_sweep_every: { type: "integer", minimum: 0 },
    sweep_cpu_percent: { type: "integer", minimum: 1, maximum: 100 },
    sweep_mib_per_second: { type: "integer", minimum: 1, maximum: 1_000_000 },
    burst_per_second: { type: "integer", minimum: 1 },
    who: { enum: ["auto", "audit", "off"] },
    backend: { enum: ["auto", "fanotify", "inotify", "sweep"] },
  },
} as const;

interface PathConfig {
  readonly path: string;
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly depth?: number;
  readonly attributes?: readonly AttributeName[];
  readonly digest?: "sha256" | "none";
  readonly digest_max_bytes?: number;
  readonly symlinks?: "record" | "follow";
  readonly tags?: readonly string[];
  readonly severity?: string;
  readonly priority?: boolean;
  readonly transients?: boolean;
  readonly diff?: boolean;
  readonly diff_max_bytes?: number;
  readonly diff_mask?: boolean;
}

export interface WatchConfig {
  readonly paths?: readonly PathConfig[] | null;
  readonly profiles?: readonly string[] | null;
  readonly settle_ms?: number;
  readonly settle_most_ms?: number;
  readonly sweep_every?: number;
  readonly full_sweep_every?: number;
  readonly sweep_cpu_percent?: number;
  readonly sweep_mib_per_second?: number;
  readonly burst_per_second?: number;
  readonly who?: WatchSettings["who"];
  readonly backend?: WatchSettings["backend"];
}

/** Bytes of the largest file that is digested unless a path says otherwise. */
const defaultDigestMax = 1024 * 1024 * 1024;

const defaultDiffMax = 256 * 1024;

/**
 * `null` for a configuration that does not surely fit: see `readSettings`, which says why not. Throws WATCH_GLOB,
 * WATCH_PROFILE.
 */
export function settingsThatFit(config: JsonObject): WatchSettings | null {
  return surelyFits(settingsSchema, config) ? settingsOf(config) : null;
}

/** Of a configuration that fits. Throws WATCH_GLOB, WATCH_PROFILE. */
export function settingsOf(read: WatchConfig): WatchSettings {
  const entries = [...(read.profiles ?? []).flatMap(profilePaths), ...(read.paths ?? [])];
  return {
    paths: withoutRepeats(entries.map(watchedPath)),
    settle: {
      quietMs: read.settle_ms ?? 50,
      mostMs: Math.max(read.settle_most_ms ?? 500, read.settle_ms ?? 50),
    },
    sweep: { everySeconds: read.sweep_every ?? 3_600, fullEverySeconds: read.full_sweep_every ?? 86_400 },
    budget: {
      cpuPercent: read.sweep_cpu_percent ?? 25,
      bytesPerSecond: (read.sweep_mib_per_second ?? 100) * 1024 * 1024,
    },
    burstPerSecond: read.burst_per_second ?? 100,
    who: read.who ?? "auto",
    backend: read.backend ?? "auto",
  };
}

function watchedPath(entry: PathConfig): WatchedPath {
  return {
    path: normalPath(bytePath(entry.path)),
    include: (entry.include ?? []).map(compileGlob),
    exclude: (entry.exclude ?? []).map(compileGlob),
    depth: entry.depth ?? Number.POSITIVE_INFINITY,
    attributes: new Set(entry.attributes ?? attributeNames),
    digest: entry.digest ?? "sha256",
    digestMaxBytes: entry.digest_max_bytes ?? defaultDigestMax,
    symlinks: entry.symlinks ?? "record",
    tags: entry.tags ?? [],
    severity: entry.severity ?? "medium",
    priority: entry.priority ?? false,
    transients: entry.transients ?? false,
    diff: entry.diff ?? false,
    diffMaxBytes: entry.diff_max_bytes ?? defaultDiffMax,
    diffMask: entry.diff_mask ?? true,
  };
}

/** Of two entries for one path the later one counts: an operator's own comes behind the profiles'. */
function withoutRepeats(paths: readonly WatchedPath[]): readonly WatchedPath[] {
  const byPath = new Map(paths.map((entry) => [entry.path, entry]));
  return [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}
