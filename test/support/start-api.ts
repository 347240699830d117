/** The HTTP API over a real store in a temp folder; both are closed when the test ends. */
import type { FastifyInstance } from "fastify";
import { ApiKeys } from "../../hub/access/api-keys.ts";
import { Door } from "../../hub/access/door.ts";
import { GuessBrake } from "../../hub/access/guess-brake.ts";
import { LiveOutput } from "../../hub/executions/live-output.ts";
import type { HubFigures } from "../../hub/figures/figures.ts";
import { apiKeyOf, writeApiFile } from "../../hub/http/api-file-fs.ts";
import type { CertificateSource } from "../../hub/http/certificate.ts";
import { listenApi } from "../../hub/http/listen-http.ts";
import { createApi } from "../../hub/http/server-http.ts";
import type { HubHealth, HubOperations } from "../../hub/operations.ts";
import { type LevelStore, openLevelStore } from "../../hub/store/level-store.ts";
import type { Effect } from "../../hub/store/port/intake.ts";
import { isLoopback } from "../../shared/config/listen.ts";
import { PetrelError } from "../../shared/errors.ts";
import { ulidSource } from "../../shared/ids.ts";
import { linkCounters } from "../../shared/link/counters.ts";
import { createLogger, type Logger } from "../../shared/log.ts";
import type { PackRecord } from "../../shared/model/pack.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";
import { systemClock, systemJitter, systemRandom, systemTimers } from "../../shared/system-process.ts";
import { atEnd } from "./at-end.ts";
import { type RecordingOperations, recordingOperations } from "./recording-operations.ts";
import { anAction, anInstance, aTriggerType, noon } from "./records.ts";
import { tempFolder } from "./temp-folder.ts";

export interface StartedApi {
  readonly api: FastifyInstance;
  readonly store: LevelStore;
  readonly operations: RecordingOperations;
  readonly folder: string;
  readonly key: string;
  readonly keys: ApiKeys;
  /** What running actions have written. */
  readonly output: LiveOutput;
  /** Milliseconds that the API's clocks are ahead. */
  readonly at: { offset: number };
  /** What the API logged at `error`. */
  readonly faults: readonly string[];
  /** Addresses of connections that were closed at the door. */
  readonly refused: readonly string[];
  /** Listens on a free port and writes api.json; resolves to the URL. */
  listen(): Promise<string>;
}

/** No result of these tests travelled in a blob. */
export const noBlobs = async (digest: string): Promise<never> => {
  throw new PetrelError("BLOB_MISSING", `no blob has the digest ${digest}`);
};

export const wellHub: HubHealth = {
  store: {
    queued: 0,
    batches: 7,
    lastBatchMs: 1.5,
    failed: false,
    batchSeconds: { bounds: [], counts: [7], sum: 1 },
  },
  intake: { bytes: 0, paused: 0 },
  history: { cap_bytes: null, used_bytes: null, cut_instances: 0, cut_executions: 0, cut_at: null },
  broker: { agents: 1, received: 5, sent: 4, dropped: 3, takeovers: 2, refused: {}, reached: true },
};

export function hubFigures(over: Partial<HubFigures> = {}): HubFigures {
  return {
    ...wellHub,
    agents: { total: 1, online: 1, conflicts: 0 },
    pending_instances: 0,
    dead_letters: 0,
    totals: {
      triggers: 0,
      executions: 0,
      ended: {},
      gaps: 0,
      throttled: 0,
      throttled_shared: 0,
      digests: 0,
      reports_without_effect: {},
      triggers_per_s: 0,
      executions_per_s: 0,
    },
    link: linkCounters(),
    credit: { entries: 1_024, bytes: 1_048_576 },
    resident_bytes: 100_000_000,
    backlog: 0,
    worst: [],
    ...over,
  };
}

export async function startApi(
  answers: Partial<HubOperations> = {},
  { tls = null, door }: { readonly tls?: CertificateSource | null; readonly door?: Door } = {},
): Promise<StartedApi> {
  const at = { offset: 0 };
  const folder = await tempFolder();
  const faults: string[] = [];
  const refused: string[] = [];
  const logger: Logger = createLogger({
    level: "error",
    format: "text",
    write: (line) => faults.push(line),
    now: () => noon,
  });
  const store = await openLevelStore({
    folder: `${folder}/db`,
    clock: systemClock,
    random: systemRandom,
    logger,
  });
  atEnd(() => store.close());
  const operations = recordingOperations({ health: () => wellHub, ...answers });
  const key = await apiKeyOf(folder, systemRandom);
  const clock = { now: () => Date.now() + at.offset, monotonic: () => performance.now() + at.offset };
  const newId = ulidSource(clock, systemRandom);
  const keys = await ApiKeys.open({
    store,
    localKey: key,
    now: clock.now,
    newId,
    random: systemRandom,
    timers: systemTimers,
    jitter: systemJitter,
    log: logger,
  });
  const output = new LiveOutput();
  const api = createApi({
    store,
    operations,
    readBlob: noBlobs,
    output,
    gate: { keys, brake: new GuessBrake(), clock, newId },
    doctor: async () => [],
    logger,
    tls,
    guard: {
      door: door ?? new Door({ perAddress: 1, isExempt: isLoopback }),
      onRefused: (address) => refused.push(address),
    },
  });
  atEnd(async () => {
    await api.close();
    await keys.close();
  });
  const listen = async () => {
    const url = await listenApi(api, { host: "127.0.0.1", port: 0 }, { isSecure: tls !== null });
    await writeApiFile(folder, { url, key, mqtt: "mqtt://127.0.0.1:1", pid: process.pid });
    return url;
  };
  return { api, store, operations, folder, key, keys, output, at, faults, refused, listen };
}

/** A registered pack with an action that has a secret, and one trigger type. */
export function aPackRecord(over: Partial<PackRecord> = {}): PackRecord {
  return {
    ref: "mypack",
    version: "1.0.0",
    digest: `sha256:${"0".repeat(64)}`,
    size: 100,
    registered_at: new Date(noon).toISOString(),
    pack: {
      manifest: {
        ref: "mypack",
        name: "mypack",
        description: "A pack",
        version: "1.0.0",
        author: "Ann",
        email: null,
        keywords: [],
        python_versions: [],
      },
      trigger_types: [aTriggerType()],
      sensors: [],
      actions: [
        anAction({
          ref: "mypack.login",
          pack: "mypack",
          name: "login",
          runner_type: "local-shell-cmd",
          parameters: {
            token: { type: "string", secret: true },
            count: { type: "integer" },
            hosts: { type: "array" },
          },
        }),
      ],
      rules: [],
      config_schema: {
        token: { type: "string", secret: true },
        sensor: { type: "object", properties: { depth: { type: "integer", default: 3 } } },
      },
      legacy_config: {},
    },
    config: { token: "hunter2" },
    layers: [],
    assigned_to: [{}],
    rev: 1,
    ...over,
  };
}

/** Takes instances in, in this order, as if an agent had sent them. */
export async function takeInstances(store: LevelStore, instances: readonly Partial<TriggerInstance>[]) {
  const now = Date.now();
  const claim = await store.claimAgent("hub-1", "web-1", 60_000, now);
  if (claim === null) throw new Error("the agent is claimed by another hub");
  const effects = instances.map((over): Effect => ({ type: "instance", instance: anInstance(over) }));
  const take = { claim, epoch: `e${now}`, expectMark: 0, newMark: effects.length, effects };
  const result = await store.takeIn(take);
  if (!result.done) throw new Error(`not taken in: ${result.why}`);
}

/** A ULID-like id that sorts by `n`. */
export function idOf(n: number): string {
  return `01HQ${String(n).padStart(22, "0")}`;
}
