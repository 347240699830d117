/** A stream of numbered triggers through the whole product, and what must be true of it in the end. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect } from "vitest";
import { type Execution, statuses } from "../../shared/model/execution.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";
import { readPackFolder } from "../../shared/packs/read-pack-fs.ts";
import { agentReady, type Daemon, type TestAgent, type TestHub } from "./fleet.ts";
import { processesAtHome } from "./home-processes.ts";
import { tempFolder } from "./temp-folder.ts";
import { waitUntil } from "./wait-until.ts";

const pack = resolve(import.meta.dirname, "../fixtures/packs-running/stream");

/** `append_again` is idempotent, `append` is not; otherwise they are the same. */
export type StreamAction = "append" | "append_again";

export interface StreamOptions {
  readonly count: number;
  /** Triggers told at once, by default so many that there are twelve batches; milliseconds between two. */
  readonly batch?: number;
  readonly pause?: number;
  /** Bytes that each trigger carries besides. */
  readonly padding?: number;
  readonly actions?: readonly StreamAction[];
  /** Where agents have enrolled: no agent runs a pack there that is not assigned. */
  readonly assign?: boolean;
}

/** What an action wrote down. */
export interface Line {
  readonly number: number;
  readonly execution: string;
}

export interface Stream {
  readonly count: number;
  readonly actions: readonly StreamAction[];
  /** Lets the sensor begin. */
  go(): void;
  /** Resolves when the agent has accepted every trigger, whether or not there is a hub. */
  told(): Promise<void>;
  lines(action: StreamAction): readonly Line[];
  /** Resolves when the action has written that many lines. */
  reached(action: StreamAction, lines: number): Promise<void>;
  /** SIGKILL to the sensor's process alone, as soon as there is one. */
  killSensor(agent: Daemon): Promise<void>;
}

/**
 * Triggers of a stream that is long enough for several kills. `npm run test:long` makes it 2,000: most of what these
 * tests take is the starting of shells.
 */
export const streamLength = Number(process.env.PETREL_STREAM_LENGTH ?? 300);

/** How many lines that share of a stream is. */
export const linesAt = (share: number): number => Math.round(share * streamLength);

/** Generous, since a loaded machine of one core still has to pass. */
const longMs = 120_000;

/** Registers the pack and waits until every agent has it; their sensors wait for `go`. */
export async function createStream(
  hub: TestHub,
  agents: Pick<TestAgent, "id"> | readonly Pick<TestAgent, "id">[],
  options: StreamOptions,
): Promise<Stream> {
  const ids = [agents].flat().map(({ id }) => id);
  const {
    count,
    batch = Math.min(50, Math.ceil(options.count / 12)),
    pause = 200,
    padding = 0,
    actions = ["append"],
  } = options;
  const folder = join(await tempFolder("stream"), "stream");
  mkdirSync(folder);
  const files = (await readPackFolder(pack)).map((file) => ({
    ...file,
    content: Buffer.from(file.content).toString("base64"),
  }));
  await Promise.all(ids.map((id) => agentReady(hub, id)));
  await hub.api("POST", "/v1/packs", { files, config: { folder, count, batch, pause, padding, actions } });
  if (options.assign === true) await hub.api("PUT", "/v1/packs/stream/assignment", { to: "all" });
  await Promise.all(ids.map((id) => agentReady(hub, id, ["core", "stream"])));
  const lines = (action: StreamAction): readonly Line[] => {
    const file = join(folder, action);
    if (!existsSync(file)) return [];
    return readFileSync(file, "utf8")
      .split("\n")
      .filter(Boolean)
      .map((line) => {
        const [number, execution = ""] = line.split(" ");
        return { number: Number(number), execution };
      });
  };
  const seen = (action: StreamAction, wanted: number) => {
    const { length } = lines(action);
    if (length < wanted) throw new Error(`${length} lines`);
    return true;
  };
  return {
    count,
    actions,
    lines,
    go: () => writeFileSync(join(folder, "go"), ""),
    async told() {
      await waitUntil("the sensor has told everything", () => existsSync(join(folder, "told")), longMs);
    },
    async reached(action, wanted) {
      await waitUntil(`${wanted} lines of ${action}`, () => seen(action, wanted), longMs, 100);
    },
    async killSensor({ home }) {
      const running = () => processesAtHome(home).find(({ sensor }) => sensor === "stream.Numbers");
      process.kill((await waitUntil("the process of the sensor", running, longMs)).pid, "SIGKILL");
    },
  };
}

const finals: ReadonlySet<string> = new Set(["succeeded", "failed", "timeout", "abandoned", "canceled"]);
const open = statuses.filter((status) => !finals.has(status));

/** Throws while something is under way. One record per question: the whole history is worth fetching once. */
async function underWay(hub: TestHub): Promise<void> {
  for (const status of open) {
    const { items } = await hub.api<{ items: readonly Execution[] }>(
      "GET",
      `/v1/executions?status=${status}&limit=1`,
    );
    if (items[0] !== undefined) throw new Error(shown(items[0]));
  }
}

export interface History {
  readonly instances: readonly TriggerInstance[];
  readonly executions: readonly Execution[];
}

/**
 * Resolves with the whole history once the hub has every trigger of so many `agents` and each execution has come to
 * its end.
 */
export async function settledHistory(hub: TestHub, { count, actions }: Stream, agents = 1): Promise<History> {
  const all = async () => {
    await underWay(hub);
    const instances = await hub.all<TriggerInstance>("/v1/trigger-instances?trigger=stream.number");
    if (instances.length < count * agents) throw new Error(`${instances.length} triggers`);
    // What a test asks for besides is its own affair.
    const executions = (await hub.all<Execution>("/v1/executions")).filter(({ action }) =>
      action.startsWith("stream."),
    );
    const unended = executions.filter(({ status }) => !finals.has(status));
    const wanted = count * agents * actions.length;
    if (executions.length < wanted || unended.length > 0) {
      const some = unended.slice(0, 3).map(shown);
      throw new Error(`${executions.length} executions of ${wanted}, open: ${unended.length} (${some})`);
    }
    return { instances, executions };
  };
  return waitUntil("all triggers in the history, all executions final", all, longMs, 400);
}

/** Records of executions are long; this is what a failing test needs of one. */
export function shown({ id, action, status, reason }: Execution): string {
  return `${id} ${action} ${status}${reason === null ? "" : `: ${reason}`}`;
}

const numberOf = ({ payload }: TriggerInstance) => (payload as { readonly number: number }).number;

/** Holds whatever was killed: each number once in the history, each judged, one execution per action and agent. */
export function expectOneFamilyEach({ instances, executions }: History, { count, actions }: Stream): void {
  const numbers = instances.map(numberOf).sort((a, b) => a - b);
  expect(numbers).toEqual(Array.from({ length: count }, (_, i) => i + 1));
  expect(instances.filter(({ status }) => status !== "processed").map(({ id }) => id)).toEqual([]);
  const families = executions.map(({ trigger_instance, action }) => `${trigger_instance} ${action}`);
  const wanted = instances.flatMap(({ id }) => actions.map((action) => `${id} stream.${action}`));
  expect(families.sort()).toEqual(wanted.sort());
}

/** What the action wrote, by execution; every line is of an execution in the history, with that execution's number. */
export function linesByExecution(
  stream: Stream,
  action: StreamAction,
  { executions }: History,
): ReadonlyMap<string, number> {
  const numbers = new Map(executions.map(({ id, parameters }) => [id, parameters.number]));
  const written = new Map<string, number>();
  for (const { number, execution } of stream.lines(action)) {
    expect(numbers.get(execution), `execution ${execution} of a line`).toBe(number);
    written.set(execution, (written.get(execution) ?? 0) + 1);
  }
  return written;
}

/** Promise 2 as a whole: each id exactly once in the history and exactly once in the file, nothing set aside. */
export async function expectExactlyOnce(hub: TestHub, stream: Stream): Promise<void> {
  const history = await settledHistory(hub, stream);
  expectOneFamilyEach(history, stream);
  expect(history.executions.filter(({ status }) => status !== "succeeded").map(shown)).toEqual([]);
  for (const action of stream.actions) {
    const written = linesByExecution(stream, action, history);
    expect([...written.values()].filter((times) => times !== 1)).toEqual([]);
    expect(written.size).toBe(stream.count);
  }
  await expectNothingSetAside(hub);
}

/** Neither a dead letter nor a gap: nothing was lost or refused on the way. */
export async function expectNothingSetAside(hub: TestHub): Promise<void> {
  expect(await hub.all("/v1/dead-letters")).toEqual([]);
  expect(await hub.all("/v1/gaps")).toEqual([]);
}

/** Waits until nothing that these daemons started is left. */
export async function expectNoOrphans(...daemons: readonly Daemon[]): Promise<void> {
  await waitUntil("no process left behind", () => {
    const left = daemons.flatMap(({ home }) => processesAtHome(home));
    if (left.length > 0) throw new Error(left.map(({ pid, command }) => `${pid} ${command}`).join("; "));
    return true;
  });
}
