/** Rules, packs, agents, sensors, datastore keys and settings. Rules and packs are held in memory as well. */
import type { Json } from "../../shared/json.ts";
import type { AgentRecord, SensorRecord } from "../../shared/model/agent.ts";
import type { PackRecord } from "../../shared/model/pack.ts";
import type { RuleRecord } from "../../shared/model/rule.ts";
import type { Database } from "../../shared/storage/database-store.ts";
import type { Draft } from "./draft.ts";
import { keys, part, within } from "./keys.ts";
import type { RuleSet, Store } from "./store.ts";
import type { Writer } from "./writer-store.ts";

/** A pack version whose contents are kept; `replaced_at` (milliseconds) once another one is registered. */
export interface PackVersion {
  readonly digest: string;
  readonly ref: string;
  readonly replaced_at: number | null;
}

export interface ContentParts {
  readonly database: Pick<Database, "level">;
  readonly writer: Writer;
  readonly now: () => number;
}

type ContentStore = Pick<
  Store,
  | "ruleSet"
  | "changeRules"
  | "packs"
  | "pack"
  | "putPack"
  | "removePack"
  | "agents"
  | "agent"
  | "sensors"
  | "key"
  | "keys"
  | "setKey"
  | "setting"
  | "putSetting"
>;

/** Changes of rules, as a plan makes them. */
interface RuleChange {
  readonly put: readonly RuleRecord[];
  readonly remove: readonly string[];
}

const maxKeys = 1000;

/** `reload` reads rules and packs from disk again. */
export async function createContentStore({
  database,
  writer,
  now,
}: ContentParts): Promise<ContentStore & { reload(): Promise<void> }> {
  const { level } = database;
  let rules = new Map<string, RuleRecord>();
  let packs = new Map<string, PackRecord>();
  let ruleSet: RuleSet = { version: 0, rules: [] };

  const readAll = async <T>(prefix: string): Promise<T[]> =>
    (await level.values(within(prefix)).all()).map((text) => JSON.parse(text) as T);

  const publish = (version: number) => {
    const sorted = [...rules.values()].sort((a, b) => (a.rule.ref < b.rule.ref ? -1 : 1));
    ruleSet = Object.freeze({ version, rules: Object.freeze(sorted) });
  };

  const reload = async () => {
    const storedRules = await readAll<RuleRecord>("r/");
    const storedPacks = await readAll<PackRecord>("k/");
    const version = (await writer.read<number>(keys.ruleVersion())) ?? 0;
    // Swapped at once: whoever reads meanwhile must not take half of it for the whole.
    rules = new Map(storedRules.map((record) => [record.rule.ref, record]));
    packs = new Map(storedPacks.map((record) => [record.ref, record]));
    publish(version);
  };

  // Changes of content are rare and rest on the whole of it, which is in memory as committed: one at a time.
  let last: Promise<unknown> = Promise.resolve();
  const submit = <T>(plan: (draft: Draft) => T): Promise<T> => {
    const next = last.then(() => writer.submit({ source: "", reads: [keys.ruleVersion()], weight: 1, plan }));
    last = next.catch(() => {
      // Its own caller is told; the next change does not depend on it.
    });
    return next;
  };

  const writeRules = (draft: Draft, { put, remove }: RuleChange): number => {
    for (const record of put) draft.put(keys.rule(record.rule.ref), record);
    for (const ref of remove) draft.remove(keys.rule(ref));
    const version = (draft.get<number>(keys.ruleVersion()) ?? 0) + 1;
    draft.put(keys.ruleVersion(), version);
    draft.change({ type: "rules", version });
    draft.whenCommitted(() => {
      for (const ref of remove) rules.delete(ref);
      for (const record of put) rules.set(record.rule.ref, record);
      publish(version);
    });
    return version;
  };

  const writePack = (draft: Draft, ref: string, pack: PackRecord | null) => {
    const replaced = packs.get(ref);
    if (pack === null) draft.remove(keys.pack(ref));
    else draft.put(keys.pack(ref), pack);
    if (replaced !== undefined && replaced.digest !== pack?.digest) {
      keepVersion(draft, { digest: replaced.digest, ref, replaced_at: now() });
    }
    if (pack !== null) keepVersion(draft, { digest: pack.digest, ref, replaced_at: null });
    draft.change({ type: "pack", ref, pack });
    draft.whenCommitted(() => {
      if (pack === null) packs.delete(ref);
      else packs.set(ref, pack);
    });
  };

  await reload();
  return {
    reload,
    ruleSet: async () => ruleSet,

    changeRules: (put, remove, expectVersion) =>
      submit((draft) =>
        ruleSet.version === expectVersion ? writeRules(draft, { put, remove: without(remove, put) }) : null,
      ),

    packs: async () => [...packs.values()].sort((a, b) => (a.ref < b.ref ? -1 : 1)),
    pack: async (ref) => packs.get(ref) ?? null,

    putPack: (pack, expectRev, put, remove) =>
      submit((draft) => {
        if ((packs.get(pack.ref)?.rev ?? null) !== expectRev) return false;
        writePack(draft, pack.ref, pack);
        writeRules(draft, { put, remove: without(remove, put) });
        return true;
      }),

    removePack: (ref, expectRev) =>
      submit((draft) => {
        if (packs.get(ref)?.rev !== expectRev) return false;
        writePack(draft, ref, null);
        const own = [...rules.values()].filter(({ rule, source }) => source === "pack" && rule.pack === ref);
        writeRules(draft, { put: [], remove: own.map(({ rule }) => rule.ref) });
        return true;
      }),

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

    setKey: (scope, name, value) =>
      writer.submit({
        source: "",
        plan: (draft) => {
          if (value === null) draft.remove(keys.value(scope, name));
          else draft.put(keys.value(scope, name), value);
        },
      }),

    setting: (name) => writer.read<Json>(keys.setting(name)),

    putSetting: (name, value) =>
      writer.submit({ source: "", plan: (draft) => draft.put(keys.setting(name), value) }),
  };
}

/** A rule that is removed and put in one change (moved between packs, say) is put. */
function without(remove: readonly string[], put: readonly RuleRecord[]): string[] {
  const kept = new Set(put.map(({ rule }) => rule.ref));
  return remove.filter((ref) => !kept.has(ref));
}

function keepVersion(draft: Draft, version: PackVersion): void {
  draft.put(keys.packVersion(version.digest), version);
}
