/** What `bench rules` judges: rules, trigger instances, and the same decisions written by hand. */
import type { Criterion, RuleDefinition } from "../shared/model/rule.ts";
import type { TriggerView } from "../shared/rules/match.ts";

export const ruleCount = 10_000;
export const typeCount = 20;
const perType = ruleCount / typeCount;
const instanceCount = 2_000;

/** A decision on one instance as a person would write it for the one rule; the honest peer of a compiled rule. */
export type ByHand = (payload: FileChanged) => boolean;

/** Criteria of rule number `n` of its type, and what they say in plain JavaScript. */
interface Written {
  readonly criteria: Readonly<Record<string, Criterion>>;
  readonly byHand: ByHand;
}

/** The fields of the payload that the rules of this bench look at. */
export interface FileChanged {
  readonly path: string;
  readonly after: { readonly size: number };
}

export interface RuleLoad {
  readonly rules: readonly RuleDefinition[];
  /** By trigger type; the value that an index would use, if there is one. */
  readonly byHand: ReadonlyMap<string, readonly { readonly value: string | null; readonly holds: ByHand }[]>;
  readonly instances: readonly TriggerView[];
}

const typeOf = (n: number) =>
  n % typeCount === 0 ? "watch.file_changed" : `fleet.file_changed_${n % typeCount}`;
const three = (n: number) => String(n).padStart(3, "0");
/** From JSON, as texts of rules are: one that has just been put together is slower to compare. */
const folderOf = (n: number): string => JSON.parse(`"/srv/app-${three(n)}/"`);

/** One rule for each path that occurs, and nothing else to judge. */
const onePath = (n: number): Written => ({
  criteria: { "trigger.path": { type: "equals", pattern: `${folderOf(n)}etc/service.conf` } },
  byHand: () => true,
});

/** The path decides which rule it is, then its size whether it fires: for nine in ten it does. */
const onePathAndSize = (n: number): Written => ({
  criteria: { ...onePath(n).criteria, "trigger.after.size": { type: "greaterthan", pattern: 1_000 } },
  byHand: ({ after }) => after.size > 1_000,
});

/** Ten owners; the 50 rules of each look at folders, of which the path is in one. */
const tenOwners = (n: number): Written => ({
  criteria: {
    "trigger.after.owner": { type: "equals", pattern: `owner-${n % 10}` },
    ...inFolder(n).criteria,
  },
  byHand: inFolder(n).byHand,
});

const inFolder = (n: number): Written => {
  const folder = folderOf(n);
  return {
    criteria: { "trigger.path": { type: "startswith", pattern: folder } },
    byHand: ({ path }) => path.startsWith(folder),
  };
};

/** Sizes run to 10,000 bytes, limits from 9,000 on: most rules say no. */
const largerThan = (n: number): Written => {
  const limit = 9_000 + 2 * n;
  return {
    criteria: { "trigger.after.size": { type: "greaterthan", pattern: limit } },
    byHand: ({ after }) => after.size > limit,
  };
};

const anchoredPattern = (n: number): Written => {
  const source = `^${folderOf(n)}etc/[a-z]+\\.(conf|ya?ml)$`;
  const pattern = new RegExp(source);
  return {
    criteria: { "trigger.path": { type: "matchregex", pattern: source } },
    byHand: ({ path }) => pattern.test(path),
  };
};

const freePattern = (n: number): Written => {
  const source = `app-${three(n)}/.*\\.(conf|ya?ml)$`;
  const pattern = new RegExp(source);
  return {
    criteria: { "trigger.path": { type: "regex", pattern: source } },
    byHand: ({ path }) => pattern.test(path),
  };
};

/** What tells one rule from another is a choice. */
const eitherOf = (n: number): Written => {
  const source = `^/srv/[a-z]+-(${three(n)}|${three(n + 500)})/.*\\.(conf|ya?ml)$`;
  const pattern = new RegExp(source);
  return {
    criteria: { "trigger.path": { type: "regex", pattern: source } },
    byHand: ({ path }) => pattern.test(path),
  };
};

/** No text tells one rule from another: each pattern is run. */
const byLength = (n: number): Written => {
  const source = `^/srv/[a-z0-9-]{${1 + (n % 250)}}/etc/[a-z]+\\.(conf|ya?ml)$`;
  const pattern = new RegExp(source);
  return {
    criteria: { "trigger.path": { type: "regex", pattern: source } },
    byHand: ({ path }) => pattern.test(path),
  };
};

const wildcard = (n: number): Written => {
  const pattern = new RegExp(`^${folderOf(n)}.*\\.conf$`);
  return {
    criteria: { "trigger.path": { type: "matchwildcard", pattern: `${folderOf(n)}*.conf` } },
    byHand: ({ path }) => pattern.test(path),
  };
};

const containing = (n: number): Written => {
  const part = `app-${three(n)}/`;
  return {
    criteria: { "trigger.path": { type: "contains", pattern: part } },
    byHand: ({ path }) => path.includes(part),
  };
};

const ignoringCase = (n: number): Written => {
  const start = folderOf(n).toUpperCase();
  return {
    criteria: { "trigger.path": { type: "istartswith", pattern: start } },
    byHand: ({ path }) => path.toLowerCase().startsWith(start.toLowerCase()),
  };
};

const mixOf = [inFolder, largerThan, anchoredPattern, freePattern, wildcard, containing, ignoringCase];
const mixed = (n: number): Written => (mixOf[n % mixOf.length] ?? inFolder)(n);

/** Name of a load → what its rules ask. */
export const kinds = {
  onePath,
  onePathAndSize,
  tenOwners,
  inFolder,
  largerThan,
  anchoredPattern,
  freePattern,
  eitherOf,
  byLength,
  wildcard,
  mixed,
} satisfies Readonly<Record<string, (n: number) => Written>>;

export type Kind = keyof typeof kinds;

/** The rules of this kind, spread evenly over the trigger types. */
export function ruleLoad(kind: Kind): RuleLoad {
  const byHand = new Map<string, { value: string | null; holds: ByHand }[]>();
  const rules = Array.from({ length: ruleCount }, (_, at) => {
    const type = typeOf(at);
    const { criteria, byHand: holds } = kinds[kind](Math.floor(at / typeCount));
    const filed = Object.values(criteria).find((criterion) => criterion.type === "equals");
    const same = byHand.get(type) ?? [];
    byHand.set(type, same);
    same.push({ value: filed === undefined ? null : String(filed.pattern), holds });
    return ruleOf(at, type, criteria);
  });
  return { rules, byHand, instances: Array.from({ length: instanceCount }, (_, at) => instanceOf(at)) };
}

function ruleOf(at: number, type: string, criteria: RuleDefinition["criteria"]): RuleDefinition {
  const name = `rule_${at}`;
  return {
    ...{ ref: `load.${name}`, pack: "load", name, description: "", enabled: true, type: "standard" },
    trigger: { type, parameters: {} },
    criteria,
    action: { ref: "core.local", parameters: { cmd: "systemctl reload {{ trigger.path }}" } },
    ...{ mode: "live", expires: 3_600, origins: null, tags: [] },
  };
}

/** A change of a file with all that the watching sensor tells, read from JSON as the hub does. */
function instanceOf(at: number): TriggerView {
  const app = (at * 37) % perType;
  const size = (at * 7_919) % 10_000;
  const state = (digest: string) => ({
    ...{ size, mode: "0644", uid: 1_000 + (app % 10), gid: 100, owner: `owner-${app % 10}`, group: "users" },
    ...{ mtime: "2026-01-02T03:04:05.678Z", ctime: "2026-01-02T03:04:05.679Z", ino: 400_000 + at, links: 1 },
    ...{ target: null, digest: `sha256:${digest.repeat(8)}`, xattrs: {} },
  });
  const payload = {
    path: `${folderOf(app)}etc/service.conf`,
    ...{ status: "modified", time: "2026-01-02T03:04:05.678Z", detected_at: "2026-01-02T03:04:05.912Z" },
    ...{ detected_by: "event", offline: false, kind: "file" },
    before: state(`${10_000_000 + at}`),
    after: state(`${20_000_000 + at}`),
    changed: ["size", "mtime", "digest"],
    actor: {
      ...{ pid: 2_000 + at, exe: "/usr/bin/vim.basic", cmdline: ["vim", `${folderOf(app)}etc/service.conf`] },
      ...{ uid: 0, user: "root", login_user: "ann", unit: "session-12.scope" },
      parents: [
        { pid: 1_900, exe: "/usr/bin/bash" },
        { pid: 1_200, exe: "/usr/sbin/sshd" },
      ],
    },
    diff: { text: "-limit = 10\n+limit = 20\n", truncated: false, masked: false },
    ...{ tags: ["config"], severity: "warning" },
  };
  const host = `web-${at % 50}`;
  return {
    trigger: typeOf(at),
    payload: JSON.parse(JSON.stringify(payload)),
    origin: { agent: host, host: `${host}.example`, labels: { role: "web", zone: "a" } },
    late: false,
  };
}
