/** Rules, packs, agents, sensors, datastore keys and settings. Rules and packs are held in memory as well. */
import { isDeepStrictEqual } from "node:util";
import { timestamp } from "../../shared/clock.ts";
import type { Json } from "../../shared/json.ts";
import type { AgentRecord, SensorRecord } from "../../shared/model/agent.ts";
import type { PackRecord } from "../../shared/model/pack.ts";
import type { RuleRecord, RuleVersion } from "../../shared/model/rule.ts";
import type { Draft } from "./draft.ts";
import { type HistoryRules, occurred } from "./history-record.ts";
import { keys, part, within } from "./keys.ts";
import type { AgentStore } from "./port/agents.ts";
import type { ContentStore, RuleSet } from "./port/content.ts";
import type { KeyStore, SettingStore } from "./port/datastore.ts";
import type { RecordWriter, Rows } from "./records.ts";
import { readTally } from "./tally-record.ts";

/** A pack version whose contents are kept; `replaced_at` (milliseconds) once another one is registered. */
export interface PackVersion {
  readonly digest: string;
  readonly ref: string;
  readonly replaced_at: number | null;
}

export interface ContentParts {
  readonly database: { readonly level: Rows };
  readonly writer: RecordWriter;
  readonly rules: HistoryRules;
  readonly now: () => number;
}

type Contents = ContentStore & Pick<AgentStore, "agents" | "agent" | "sensors"> & KeyStore & SettingStore;

/** Changes of rules, as a plan makes them. */
interface RuleChange {
  readonly put: readonly RuleRecord[];
  readonly remove: readonly string[];
}

interface PackChange {
  readonly ref: string;
  readonly pack: PackRecord | null;
}

/** Of a change to a pack alone. */
const noRules: RuleChange = { put: [], remove: [] };

const maxKeys = 1000;
/** Of one rule, in one record. */
const versionsKept = 20;

const versionOf = (draft: Draft) => draft.get<number>(keys.ruleVersion()) ?? 0;

/** `reload` reads rules and packs from disk again. */
export async function createContentStore({
  database,
  writer,
  rules: history,
  now,
}: ContentParts): Promise<Contents & { reload(): Promise<void> }> {
  const { level } = database;
  // As of `ruleSet.version`, which every change of rules or packs raises: decisions rest on records, never on these.
  let rules = new Map<string, RuleRecord>();
  let packs = new Map<string, PackRecord>();
  let ruleSet: RuleSet = { version: 0, rules: [] };

  const readAll = async <T>(prefix: string): Promise<T[]> =>
    (await level.values(within(prefix)).all()).map((text) => JSON.parse(text) as T);
  const readVersion = async () => (await writer.read<number>(keys.ruleVersion())) ?? 0;

  const publish = (version: number) => {
    const sorted = [...rules.values()].sort((a, b) => (a.rule.ref < b.rule.ref ? -1 : 1));
    ruleSet = Object.freeze({ version, rules: Object.freeze(sorted) });
  };

  const reload = async (): Promise<void> => {
    const version = await readVersion();
    const storedRules = await readAll<RuleRecord>("r/");
    const storedPacks = await readAll<PackRecord>("k/");
    // Half of one version and half of another is neither.
    if ((await readVersion()) !== version) return reload();
    // A change of our own may have come in between.
    if (version < ruleSet.version) return;
    // Swapped at once: whoever reads meanwhile must not take half of it for the whole.
    rules = new Map(storedRules.map((record) => [record.rule.ref, record]));
    packs = new Map(storedPacks.map((record) => [record.ref, record]));
    publish(version);
  };

  /** Another process may have changed them. */
  const refresh = async () => {
    if ((await readVersion()) > ruleSet.version) await reload();
  };

  const submit = <T>(reads: readonly string[], plan: (draft: Draft) => T): Promise<T> =>
    writer.submit({ source: "", reads: [keys.ruleVersion(), ...reads], weight: 1, plan });

  const writeRules = (draft: Draft, { put, remove }: RuleChange, pack?: PackChange): void => {
    remember(draft, { put, remove }, timestamp(now()));
    for (const record of put) draft.put(keys.rule(record.rule.ref), record);
    for (const ref of remove) draft.remove(keys.rule(ref));
    const version = versionOf(draft) + 1;
    draft.put(keys.ruleVersion(), version);
    draft.change({ type: "rules", version });
    draft.whenCommitted(() => {
      // What is in memory is older than what this change was made to: it is read again when it is asked for.
      if (version !== ruleSet.version + 1) return;
      if (pack?.pack === null) packs.delete(pack.ref);
      else if (pack !== undefined) packs.set(pack.ref, pack.pack);
      for (const ref of remove) rules.delete(ref);
      for (const record of put) rules.set(record.rule.ref, record);
      publish(version);
    });
  };

  const writePack = (draft: Draft, { ref, pack }: PackChange) => {
    const replaced = draft.get<PackRecord>(keys.pack(ref));
    if (pack === null) draft.remove(keys.pack(ref));
    else draft.put(keys.pack(ref), pack);
    if (replaced !== null && replaced.digest !== pack?.digest) {
      keepVersion(draft, { digest: replaced.digest, ref, replaced_at: now() });
    }
    if (pack !== null) keepVersion(draft, { digest: pack.digest, ref, replaced_at: null });
    draft.change({ type: "pack", ref, pack });
  };

  await reload();
  return {
    reload,

    async ruleSet() {
      await refresh();
      return ruleSet;
    },

    changeRules: (put, remove, expectVersion) =>
      submit([], (draft) => {
        if (versionOf(draft) !== expectVersion) return null;
        writeRules(draft, { put, remove: without(remove, put) });
        return expectVersion + 1;
      }),

    async ruleHistory(ref) {
      const versions = await writer.read<readonly RuleVersion[]>(keys.ruleHistory(ref));
      if (versions !== null) return versions;
      // Not changed since there is a history.
      const record = await writer.read<RuleRecord>(keys.rule(ref));
      return record === null ? [] : [versionOfRecord(record)];
    },

    async packs() {
      await refresh();
      return [...packs.values()].sort((a, b) => (a.ref < b.ref ? -1 : 1));
    },

    async pack(ref) {
      await refresh();
      return packs.get(ref) ?? null;
    },

    putPack: (pack, expectRev, decided) =>
      submit([keys.pack(pack.ref)], (draft) => {
        if ((draft.get<PackRecord>(keys.pack(pack.ref))?.rev ?? null) !== expectRev) return false;
        if (decided !== undefined && versionOf(draft) !== decided.version) return false;
        const { put, remove } = decided ?? noRules;
        writePack(draft, { ref: pack.ref, pack });
        writeRules(draft, { put, remove: without(remove, put) }, { ref: pack.ref, pack });
        return true;
      }),

    async removePack(ref, expectRev) {
      for (;;) {
        await refresh();
        const { version, rules: all } = ruleSet;
        const own = all.filter(({ rule, source }) => source === "pack" && rule.pack === ref);
        const removed = await submit([keys.pack(ref)], (draft) => {
          if (draft.get<PackRecord>(keys.pack(ref))?.rev !== expectRev) return false;
          // One of its rules may have come or gone meanwhile: look again.
          if (versionOf(draft) !== version) return null;
          writePack(draft, { ref, pack: null });
          writeRules(draft, { put: [], remove: own.map(({ rule }) => rule.ref) }, { ref, pack: null });
          return true;
        });
        if (removed !== null) return removed;
      }
    },

    agents: () => readAll<AgentRecord>("a/"),
    agent: (id) => writer.read<AgentRecord>(keys.agent(id)),
    sensors: (agent) => readAll<SensorRecord>(agent === undefined ? "s/" : `s/${part(agent)}/`),

    key: (scope, name) => writer.read<string>(keys.value(scope, name)),

    async keys(scope, prefix, limit, after) {
      const all = within(`v/${part(scope)}/`);
      const start = keys.value(scope, prefix);
      const behind = after === undefined ? "" : keys.value(scope, after);
      const from = behind > start ? { gt: behind } : { gte: start };
      const found: { name: string; value: string }[] = [];
      const rows = level.iterator({ ...from, lt: all.lt, limit: Math.min(limit, maxKeys) });
      for await (const [key, text] of rows) {
        if (!key.startsWith(start)) break;
        found.push({ name: key.slice(all.gte.length), value: JSON.parse(text) as string });
      }
      return found;
    },

    setKey: (scope, name, value, { expect, told } = {}) => {
      const key = keys.value(scope, name);
      return writer.submit({
        source: "",
        plan: (draft) => {
          if (expect !== undefined && draft.get<string>(key) !== expect) return false;
          if (told !== undefined && history.teller.wants("key")) {
            const before = draft.get<string>(key);
            occurred(draft, history, { type: "key", scope, name, before, after: value, ...told });
          }
          if (value === null) draft.remove(key);
          else draft.put(key, value);
          draft.change({ type: "key", scope, name, value });
          return true;
        },
      });
    },

    setting: (name) => writer.read<Json>(keys.setting(name)),

    clockHighWater: async () => (await readTally(writer)).clock,

    putSetting: (name, value) =>
      writer.submit({ source: "", plan: (draft) => draft.put(keys.setting(name), value) }),
  };
}

const versionOfRecord = ({ rule, rev, updated_at, source }: RuleRecord): RuleVersion => ({
  rev,
  updated_at,
  source,
  rule,
});

/** Writes down what rules become, beside what they were. */
function remember(draft: Draft, { put, remove }: RuleChange, at: string): void {
  const refs = [...put.map(({ rule }) => rule.ref), ...remove];
  draft.need(refs.flatMap((ref) => [keys.rule(ref), keys.ruleHistory(ref)]));
  const add = (ref: string, next: (before: RuleRecord | null) => RuleVersion | null) => {
    const before = draft.get<RuleRecord>(keys.rule(ref));
    const first = before === null ? [] : [versionOfRecord(before)];
    const known = draft.get<readonly RuleVersion[]>(keys.ruleHistory(ref)) ?? first;
    const version = next(before);
    // A pack that is registered again brings most of its rules as they were.
    if (version === null || (known[0] && isDeepStrictEqual(known[0].rule, version.rule))) return;
    draft.put(keys.ruleHistory(ref), [version, ...known].slice(0, versionsKept));
  };
  for (const record of put) add(record.rule.ref, () => versionOfRecord(record));
  for (const ref of remove) {
    add(ref, (before) => before && { ...versionOfRecord(before), rule: null, updated_at: at });
  }
}

/** A rule that is removed and put in one change (moved between packs, say) is put. */
function without(remove: readonly string[], put: readonly RuleRecord[]): string[] {
  const kept = new Set(put.map(({ rule }) => rule.ref));
  return remove.filter((ref) => !kept.has(ref));
}

function keepVersion(draft: Draft, version: PackVersion): void {
  draft.put(keys.packVersion(version.digest), version);
}
