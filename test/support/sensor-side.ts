/** An agent's sensor side on a real database, with real processes and short pauses; also for programs of tests. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { baseEnvironment } from "../../agent/actions/environment.ts";
import { createDatastore } from "../../agent/sensors/datastore.ts";
import { DispatchStore } from "../../agent/sensors/dispatch-store.ts";
import { findProgram } from "../../agent/sensors/launch-fs.ts";
import { LocalValuesStore } from "../../agent/sensors/local-values-store.ts";
import { ProvenStore } from "../../agent/sensors/proven-store.ts";
import { defaultSchedule, type Schedule } from "../../agent/sensors/schedule.ts";
import { SensorGroups } from "../../agent/sensors/sensor-groups-store.ts";
import { SensorHost } from "../../agent/sensors/sensor-host.ts";
import { SensorProcess } from "../../agent/sensors/sensor-process.ts";
import { SensorReports } from "../../agent/sensors/sensor-reports.ts";
import { endSurvivors } from "../../agent/sensors/survivors-process.ts";
import { type AgentStore, openAgentStore } from "../../agent/store/agent-store.ts";
import { ulidSource } from "../../shared/ids.ts";
import type { Json, JsonObject } from "../../shared/json.ts";
import type { OutboxLimits } from "../../shared/link/outbox-epochs.ts";
import { createLogger } from "../../shared/log.ts";
import { systemClock, systemJitter, systemRandom, systemTimers } from "../../shared/system-process.ts";
import type { SensorEventEntry, TriggerEntry, UpEntry } from "../../shared/wire/messages.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

export interface SensorSideOptions {
  /** Folder of the database; kept between two benches to play a restart of the agent. */
  readonly data: string;
  readonly schedule?: Partial<Schedule>;
  readonly outboxLimits?: Partial<OutboxLimits>;
  readonly ask?: (op: string, args: JsonObject) => Promise<Json>;
  readonly env?: Readonly<Record<string, string>>;
}

export interface SensorSide {
  readonly host: SensorHost;
  readonly store: AgentStore;
  readonly proven: ProvenStore;
  /** Log lines as objects, oldest first. */
  readonly lines: readonly Record<string, unknown>[];
  entries(): Promise<readonly UpEntry[]>;
  triggers(): Promise<readonly TriggerEntry[]>;
  events(): Promise<readonly SensorEventEntry[]>;
  /** Ends everything as a stopping agent does. */
  close(): Promise<void>;
}

const quick: Schedule = { ...defaultSchedule, firstDelayMs: 20, maxDelayMs: 200, recheckMs: 100 };

export async function openSensorSide(options: SensorSideOptions): Promise<SensorSide> {
  const lines: Record<string, unknown>[] = [];
  const log = createLogger({
    level: "debug",
    format: "json",
    write: (line) => lines.push(JSON.parse(line)),
    now: Date.now,
  });
  const newId = ulidSource(systemClock, systemRandom);
  const now = systemClock.now;
  const store = await openAgentStore({
    data: options.data,
    newId,
    now,
    log,
    ...(options.outboxLimits !== undefined && { outboxLimits: options.outboxLimits }),
  });
  const { database, outbox } = store;
  const schedule = { ...quick, ...options.schedule };
  const values = new LocalValuesStore({ database, now });
  const groups = new SensorGroups(database);
  const proven = new ProvenStore(database);
  const time = { clock: systemClock, timers: systemTimers, jitter: systemJitter };
  const reports = new SensorReports({
    ...time,
    append: (entries) => outbox.append(entries),
    newId,
    schedule,
    log,
  });
  const dispatches = new DispatchStore({
    hubNow: () => null,
    database,
    append: (entries, ops) => outbox.append(entries, ops),
    values,
    newId,
    now,
    log,
  });
  const ask = options.ask ?? (async () => null);
  const datastore = createDatastore({ local: values, ask });
  const quiet = ["--disable-warning=ExperimentalWarning", "--disable-warning=MODULE_TYPELESS_PACKAGE_JSON"];
  const launch = {
    node: [process.execPath, ...quiet, join(root, "agent/sensors/node-sensor-main.ts")] as const,
    pythonFolder: join(root, "agent/python"),
    dataFolder: options.data,
    ownSensors: new URL("../../agent/watch", import.meta.url).href,
    env: options.env ?? baseEnvironment(process.env),
  };
  await endSurvivors(groups, log);
  const host = new SensorHost({
    log,
    create: (desired) =>
      new SensorProcess(desired, {
        ...time,
        dispatches,
        datastore,
        groups,
        proven,
        launch: (place) => findProgram(place, launch),
        report: (status, crashes) => reports.report(status, crashes),
        schedule,
        log,
      }),
  });
  let closing: Promise<void> | null = null;
  const close = () => {
    closing ??= (async () => {
      await host.close(1_000);
      await reports.close();
      await store.close();
    })();
    return closing;
  };
  const entries = async () => {
    const all: UpEntry[] = [];
    for (const { id, first } of outbox.epochs()) {
      for (let from = first; ; ) {
        const read = await outbox.read(id, from, 1_000, 64 * 1024 * 1024);
        const last = read.at(-1);
        if (last === undefined) break;
        all.push(...read.map(({ entry }) => entry));
        from = last.last + 1;
      }
    }
    return all;
  };
  return {
    host,
    store,
    proven,
    lines,
    entries,
    triggers: async () => (await entries()).filter((entry) => entry.kind === "trigger"),
    events: async () => (await entries()).filter((entry) => entry.kind === "sensor-event"),
    close,
  };
}
