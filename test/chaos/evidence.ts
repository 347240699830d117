/** Gathers what hub, agents, sensors and actions have on disk in the end, for the promises to be held against. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openAgentStore } from "../../agent/store/agent-store.ts";
import { agentKeys, agentRange } from "../../agent/store/keys.ts";
import { openLevelStore } from "../../hub/store/level-store.ts";
import type { DeadLetter, GapRecord } from "../../hub/store/port/history.ts";
import { ulidSource } from "../../shared/ids.ts";
import { silentLogger } from "../../shared/log.ts";
import type { Execution } from "../../shared/model/execution.ts";
import type { Enforcement } from "../../shared/model/rule.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";
import { systemClock, systemRandom } from "../../shared/system-process.ts";
import type { TestHub } from "../support/fleet.ts";
import { processesAtHome } from "../support/home-processes.ts";
import type { ChaosFleet } from "./fleet.ts";
import type { Made, Told } from "./requests.ts";

/** An entry as it lies in an agent's outbox. */
export interface SentEntry {
  readonly n: number;
  readonly id: string;
  readonly kind: string;
  /** Ref of a trigger. */
  readonly trigger?: string;
}

export interface AgentEvidence {
  readonly id: string;
  /** Numbers that its sensor was told are accepted. */
  readonly accepted: readonly number[];
  /** Everything it has kept of what it ever wrote for the hub, and the hub's mark, by epoch. */
  readonly outbox: readonly {
    readonly epoch: string;
    readonly mark: number;
    readonly entries: readonly SentEntry[];
  }[];
  /** Executions that its journal has not settled. */
  readonly open: readonly string[];
  /** Last words of its journal: status by execution. */
  readonly results: ReadonlyMap<string, string>;
  /** Entries of the hub's down ledger that it has not receipted. */
  readonly down: number;
}

export interface Evidence {
  readonly agents: readonly AgentEvidence[];
  /** Of `chaos.number`, in order of intake. */
  readonly instances: readonly TriggerInstance[];
  /** Of `chaos.told`. */
  readonly toldInstances: readonly TriggerInstance[];
  readonly noiseLeft: number;
  readonly enforcements: readonly Enforcement[];
  readonly executions: readonly Execution[];
  /** By action: how many lines each execution (of `weigh`: each name) has left. */
  readonly lines: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly made: readonly Made[];
  /** What the hub was asked to tell, each asked once more in the end. */
  readonly told: readonly (Told & { readonly again: string })[];
  /** Those that are left, and those that were tried again in the end. */
  readonly letters: readonly DeadLetter[];
  readonly retried: readonly DeadLetter[];
  readonly gaps: readonly GapRecord[];
  /** By execution: length of the text in a large result, `null` when the hub does not have it. */
  readonly large: ReadonlyMap<string, number | null>;
  readonly orphans: readonly string[];
  /** Highest resident memory of any life, in MiB. */
  readonly memory: { readonly hub: number; readonly agent: number };
}

export type History = Pick<
  Evidence,
  "instances" | "toldInstances" | "noiseLeft" | "enforcements" | "executions" | "letters" | "gaps" | "large"
>;

/** From the API of a hub that has come to rest. */
export async function historyOf(hub: TestHub): Promise<History> {
  const executions = await hub.all<Execution>("/v1/executions");
  const large = new Map<string, number | null>();
  for (const { id, result_blob } of executions) {
    if (result_blob !== null) large.set(id, await wholeResult(hub, id));
  }
  return {
    instances: await hub.all<TriggerInstance>("/v1/trigger-instances?trigger=chaos.number"),
    toldInstances: await hub.all<TriggerInstance>("/v1/trigger-instances?trigger=chaos.told"),
    noiseLeft: (await hub.all("/v1/trigger-instances?trigger=chaos.noise")).length,
    enforcements: await hub.all<Enforcement>("/v1/rule-enforcements"),
    executions,
    letters: await hub.all<DeadLetter>("/v1/dead-letters"),
    gaps: await hub.all<GapRecord>("/v1/gaps"),
    large,
  };
}

/** Characters of a large result's text; `null` when it has not come. */
export async function wholeResult(hub: TestHub, execution: string): Promise<number | null> {
  const { result } = await hub.api<{ result: unknown }>("GET", `/v1/executions/${execution}`);
  const output = result as { readonly stdout?: unknown } | null;
  return typeof output?.stdout === "string" ? output.stdout.length : null;
}

const opening = {
  newId: ulidSource(systemClock, systemRandom),
  now: () => systemClock.now(),
  log: silentLogger,
};

/** From the databases of a hub and agents that have ended. */
export async function agentsOf({ hub, agents }: ChaosFleet): Promise<readonly AgentEvidence[]> {
  const { newId: _, now: _now, ...rest } = opening;
  const store = await openLevelStore({
    ...rest,
    folder: join(hub.data, "store"),
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
  });
  try {
    const found: AgentEvidence[] = [];
    for (const { id, agent, accepted } of agents) {
      const { outbox, open, results } = await readAgent(agent.data);
      const marks = await store.marks(
        id,
        outbox.map(({ epoch }) => epoch),
      );
      let down = 0;
      for (const epoch of await store.downEpochs(id))
        down += (await store.readDown(id, epoch.id, epoch.first, 1_000, 10_000_000)).length;
      found.push({
        id,
        accepted: accepted(),
        outbox: outbox.map((epoch) => ({ ...epoch, mark: marks.get(epoch.epoch) ?? 0 })),
        open,
        results,
        down,
      });
    }
    return found;
  } finally {
    await store.close();
  }
}

async function readAgent(data: string) {
  const { database, outbox, rows, close } = await openAgentStore({ ...opening, data });
  try {
    const epochs: { epoch: string; entries: SentEntry[] }[] = [];
    for (const { id, first, last } of outbox.epochs()) {
      const entries: SentEntry[] = [];
      for (let n = first; n <= last; ) {
        const some = await outbox.read(id, n, 1_000, 10_000_000);
        for (const { n: at, entry } of some) {
          const sent = { n: at, id: entry.id, kind: entry.kind };
          entries.push(entry.kind === "trigger" ? { ...sent, trigger: entry.trigger } : sent);
        }
        n = (some.at(-1)?.last ?? last) + 1;
      }
      epochs.push({ epoch: id, entries });
    }
    const open = await database.level.keys(agentRange(agentKeys.open)).all();
    const results = new Map<string, string>();
    const range = agentRange(agentKeys.result);
    for await (const [key, value] of database.level.iterator(range)) {
      const execution = key.slice(range.gt.length);
      const { status } = rows.read<{ readonly status: string }>(`${agentKeys.result}/${execution}`, value);
      results.set(execution, status);
    }
    return { outbox: epochs, open, results };
  } finally {
    await close();
  }
}

/** How often each word of a file's lines stands there: the last word of `append` and its like is the execution. */
export function linesIn(folder: string, actions: readonly string[]): Evidence["lines"] {
  return new Map(
    actions.map((action) => {
      const file = join(folder, action);
      const counts = new Map<string, number>();
      const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean) : [];
      for (const line of lines) {
        const name = line.split(" ").at(-1) ?? "";
        counts.set(name, (counts.get(name) ?? 0) + 1);
      }
      return [action, counts];
    }),
  );
}

export function orphansOf({ hub, agents }: ChaosFleet): readonly string[] {
  const homes = [hub.daemon().home, ...agents.map(({ home }) => home)];
  return homes.flatMap((home) => processesAtHome(home)).map(({ pid, command }) => `${pid} ${command}`);
}
