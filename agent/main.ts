/** The agent's composition root: one straight line in order of dependence, taken down in reverse. */
import { hostname } from "node:os";
import { join } from "node:path";
import { BlobStore } from "../shared/blobs/blob-fs.ts";
import { blobResponder, blobSize, fetchBlob } from "../shared/blobs/blob-transfer.ts";
import { startChores } from "../shared/chores.ts";
import { timestamp } from "../shared/clock.ts";
import { makeDataFolder } from "../shared/folder-fs.ts";
import { ulidSource } from "../shared/ids.ts";
import { killAt } from "../shared/kill-point-process.ts";
import { linkCounters } from "../shared/link/counters.ts";
import { Link } from "../shared/link/link.ts";
import type { DaemonLog } from "../shared/log.ts";
import type { BlobRef } from "../shared/model/execution.ts";
import { parseBrokerUrl, shownBrokerUrl } from "../shared/mqtt/broker-url.ts";
import { ownFolder } from "../shared/runtime/own-files-fs.ts";
import { ownCommand } from "../shared/runtime/own-programs-process.ts";
import { retryLocked } from "../shared/storage/retry-locked.ts";
import { systemClock, systemJitter, systemRandom, systemTimers } from "../shared/system-process.ts";
import { Teardown } from "../shared/teardown.ts";
import { version } from "../shared/version.ts";
import { watchSensor } from "../shared/watch/questions.ts";
import { encode } from "../shared/wire/codec.ts";
import { wireVersion } from "../shared/wire/messages.ts";
import { ActionUsers, ownUser } from "./actions/action-users-process.ts";
import { Actions } from "./actions/actions-process.ts";
import { baseEnvironment } from "./actions/environment.ts";
import { handedName } from "./actions/handed-over-process.ts";
import { builtInRunners } from "./actions/runners/built-in-process.ts";
import { waysToStart } from "./actions/ways-to-start-process.ts";
import { runtimeFolder, socketOf } from "./agent-folder-fs.ts";
import type { AgentOptions, RunningAgent } from "./agent-options.ts";
import { reserveBytes } from "./condition/condition.ts";
import { ConditionWatch } from "./condition/condition-watch.ts";
import { freeBytes, makeReserve, releaseReserve } from "./condition/disk-room-fs.ts";
import { asMember, keepIdentity, type Membership, memberAuthenticator } from "./identity/member-mqtt.ts";
import { agentPointsOf } from "./kill-points.ts";
import { type AgentConnection, connectAgent } from "./link/agent-mqtt.ts";
import { createEarlyAsk } from "./link/early-ask.ts";
import { HubTime } from "./link/hub-time.ts";
import { PackApplier } from "./packs/apply.ts";
import { AssignmentsStore } from "./packs/assignments-store.ts";
import { PackCache } from "./packs/pack-cache-fs.ts";
import { pipEnvironment } from "./packs/virtualenv.ts";
import { Virtualenvs } from "./packs/virtualenvs-process.ts";
import { PackRefusals } from "./policy/pack-refusals.ts";
import { openPolicy } from "./policy/policy-file-fs.ts";
import { createDatastore } from "./sensors/datastore.ts";
import { DispatchStore } from "./sensors/dispatch-store.ts";
import { sensorQuestionResponders } from "./sensors/hub-questions.ts";
import { findProgram } from "./sensors/launch-fs.ts";
import { LocalValuesStore } from "./sensors/local-values-store.ts";
import { ProvenStore } from "./sensors/proven-store.ts";
import { defaultSchedule } from "./sensors/schedule.ts";
import { SensorGroups } from "./sensors/sensor-groups-store.ts";
import { SensorHost } from "./sensors/sensor-host.ts";
import { SensorProcess } from "./sensors/sensor-process.ts";
import { SensorReports } from "./sensors/sensor-reports.ts";
import { endSurvivors } from "./sensors/survivors-process.ts";
import { ownStatus } from "./status/own-status.ts";
import { serveStatus } from "./status/status-http.ts";
import { openAgentStore } from "./store/agent-store.ts";
import { agentStoreFormat } from "./store/format.ts";
import { isDamage, setAside } from "./store/set-aside-fs.ts";
import { tidying } from "./store/tidying.ts";
import { openUpgrader } from "./upgrade/open-upgrader-process.ts";
import { termGraceMs, WorkEnd } from "./work-end.ts";

const topicPrefix = "petrel";
/** Milliseconds for a sensor to answer what a program on this host asks. */
const sensorAnswersMs = 10_000;
/** Milliseconds for one range of a blob to come from the hub. */
const rangeWithinMs = 15_000;
/** How long another process may still hold the folder: one that is just ending. */
const lockPatienceMs = 15_000;

/**
 * Starts the agent; with an empty database when its own is damaged. To the hub that is an agent whose store was lost:
 * it tells it its packs anew, and gives up what the old one had not settled. Watching goes on.
 */
export async function startAgent(given: AgentOptions, log: DaemonLog): Promise<RunningAgent> {
  const options = await asMember(given, log);
  try {
    return await startOnStore(options, log);
  } catch (error) {
    if (!isDamage(error)) throw error;
    const aside = await setAside(options.data, systemClock.now());
    log.error("the database is damaged: it was moved aside, and the agent starts with an empty one", {
      aside,
      error,
    });
    return startOnStore(options, log);
  }
}

/** Long on purpose: the order of these lines is the order of dependence, and reading it is understanding the agent. */
async function startOnStore(options: AgentOptions & Membership, log: DaemonLog): Promise<RunningAgent> {
  // An address that must not be connected to is refused before anything is touched.
  const { identity } = options;
  parseBrokerUrl(options.hub, { enrolled: identity !== null });
  const clock = systemClock;
  const policy = await openPolicy(options.policy, options.actionUsers, { clock, log });
  const timers = systemTimers;
  const jitter = systemJitter;
  const time = { clock, timers, jitter };
  const now = () => clock.now();
  const newId = ulidSource(clock, systemRandom);
  const processId = newId();
  const points = agentPointsOf(killAt(process.env.PETREL_KILL_AT));
  const counters = linkCounters();
  const teardown = new Teardown({ timers, log });
  try {
    const workFolder = join(options.data, "work");
    await makeDataFolder(workFolder, 0o755);

    const store = await retryLocked(lockPatienceMs, time, () =>
      openAgentStore({
        data: options.data,
        newId,
        now,
        log,
        outboxLimits: { maxBytes: options.outboxMib * 1024 * 1024 },
        mending: { timers, jitter, log },
        keyNoting: points.keyNoting,
      }),
    );
    teardown.add("store", () => store.close());
    const { database, outbox, marks, rows } = store;
    const blobs = await BlobStore.open({ folder: join(options.data, "blobs") });
    const chores = startChores([tidying(blobs, now, log)], { timers, log });
    teardown.add("chores", () => chores.stop());

    const hubTime = new HubTime(clock);

    let link: Link<"agent"> | null = null;
    const early = createEarlyAsk({ timers, monotonic: () => clock.monotonic() });
    const { ask } = early;
    const isLinked = () => link?.running === true;
    const fetched = async (ref: BlobRef): Promise<Uint8Array> => {
      await fetchBlob({ ask, ref, store: blobs, withinMs: rangeWithinMs });
      return blobs.readAll(ref.digest);
    };

    const values = new LocalValuesStore({ database, now });
    const datastore = createDatastore({ local: values, ask });
    const append: typeof outbox.append = (entries, ops, how) => outbox.append(entries, ops, how);
    const dispatches = new DispatchStore({
      database: points.checkpoints(database),
      append: points.dispatches(append),
      values,
      newId,
      now,
      hubNow: () => hubTime.heard(),
      log,
    });
    const reports = new SensorReports({ ...time, append, newId, schedule: defaultSchedule, log });
    const report: SensorReports["report"] = (status, crashes) => reports.report(status, crashes);
    const refusals = new PackRefusals({ policy, report, now: () => timestamp(now()) });
    const groups = new SensorGroups(database);
    const proven = new ProvenStore(database);
    await endSurvivors(groups, log);
    const env = baseEnvironment(process.env);
    const pythonFolder = ownFolder(new URL("python", import.meta.url));
    const node = ownCommand(new URL("sensors/node-sensor-main.ts", import.meta.url));
    const ownSensors = new URL("watch", import.meta.url).href;
    const pipEnv = pipEnvironment(env, process.env);
    const builds = { ...options.virtualenv, env: pipEnv, newId, timers, log };
    const virtualenvs = new Virtualenvs({
      ...builds,
      refusesPack: (pack) => policy.refusesPack(pack),
      changed: () => applier.changed(),
    });
    teardown.add("virtualenvs", () => virtualenvs.close());
    const launch = { node, pythonFolder, dataFolder: options.data, ownSensors, env, virtualenvs };
    const sensors = new SensorHost({
      log,
      create: (desired) =>
        new SensorProcess(desired, {
          ...time,
          dispatches,
          datastore,
          groups,
          proven,
          launch: (place) => findProgram(place, launch),
          report: (status, crashes) => refusals.report(status, crashes),
          schedule: { ...defaultSchedule, readyMs: options.readySeconds * 1_000 },
          log,
        }),
    });

    const packs = await PackCache.open({
      folder: join(options.data, "packs"),
      fetch: points.fetching("pack-fetched", async (digest) =>
        fetched({ digest, size: await blobSize(ask, digest, rangeWithinMs) }),
      ),
      monotonic: () => clock.monotonic(),
      log,
    });
    const users = new ActionUsers({
      rules: options.actionUsers,
      own: ownUser(),
      workFolder,
      monotonic: () => clock.monotonic(),
    });
    await users.announce(log);
    const ways = waysToStart(log);
    const runners = builtInRunners({
      env,
      workFolder,
      userOf: (request) => users.of(request),
      termGraceMs,
      outputCapBytes: 1024 * 1024,
      ...ways,
      node: ownCommand(new URL("actions/runners/node-action-main.ts", import.meta.url)),
      pythonFolder,
      virtualenvs,
    });
    const applier = new PackApplier({
      ...time,
      assignments: points.assignments(new AssignmentsStore(database, rows)),
      cache: packs,
      proven,
      virtualenvs,
      host: sensors,
      append,
      policy: refusals,
      facts: {
        host: hostname(),
        version,
        platform: `${process.platform}-${process.arch}`,
        labels: options.labels,
        runners: runners.map(({ name }) => name),
        store_format: agentStoreFormat,
      },
      pinnedDigests: async () => actions.pinnedDigests(),
      newId,
      log,
    });
    policy.onChange(() => applier.changed());
    const reserve = join(options.data, "reserve");
    const watch = new ConditionWatch({
      ...time,
      facts: async () => ({
        writingFailed: database.committer.failure !== null,
        freeBytes: await freeBytes(options.data),
        outboxFull: outbox.isFull,
      }),
      keepReserve: () => makeReserve(reserve, reserveBytes),
      releaseReserve: () => releaseReserve(reserve),
      changed: ({ diskFull, degraded }) => outbox.hold(diskFull ? degraded : null),
      ask,
      isLinked,
      log,
    });
    teardown.add("condition", () => watch.close());
    const upgrading = { ...options, database, append, policy, ask, hubTime, newId, log };
    const upgrader = openUpgrader({ ...time, ...upgrading });
    teardown.add("upgrades", () => upgrader.close());
    const actions: Actions = new Actions({
      ...time,
      level: database.level,
      committer: database.committer,
      append,
      marks,
      rows,
      newId,
      runners,
      kernelSpawn: ways.kernelSpawn,
      limits: options.queue,
      hostRefuses: (request) => policy.refuses(request),
      refusing: () => (watch.condition.diskFull ? watch.condition.degraded : null),
      onAssignments: () => applier.changed(),
      onUpgrade: () => upgrader.changed(),
      onRoom: () => link?.grant(),
      log,
      packs: applier,
      datastore,
      blobs: points.results(blobs),
      fetchBlob: points.fetching("parameters-fetched", fetched),
      onOutput: (execution, stream, offset, text) => link?.output.write(execution, stream, offset, text),
      hubNow: () => hubTime.now(),
      drainMs: options.drainSeconds * 1_000,
      passPoint: points.passAction,
      handedFile: join(runtimeFolder(process.env) ?? options.data, handedName),
    });
    await actions.start();
    const parts = { applier, actions, sensors, reports, outbox, timers, log };
    const work = new WorkEnd({
      ...parts,
      drainMs: options.drainSeconds * 1_000,
      monotonic: () => clock.monotonic(),
    });
    teardown.add("work", () => work.stop(), work.stopMs);
    await applier.start();

    const authenticator = memberAuthenticator(identity);
    const presence = (state: "online" | "offline") =>
      encode(
        "presence",
        { v: wireVersion, state, incarnation: database.incarnation, version, at: timestamp(now()) },
        authenticator,
      );
    const tellAgain = () => {
      applier.tellAgain();
      reports.tellAgain();
    };
    // The newest inventory and states pass a backlog in which older ones come after them.
    outbox.onDrained(tellAgain);
    let receive: Link<"agent">["receive"] = () => true;
    /** The incarnation of the hub's store, as this life has heard it. */
    let hubStore: string | null = null;
    const keeping = { hubTime, ask, isLinked, reconnect: () => connection.reconnect(), log };
    const keeper = keepIdentity(identity, { ...time, ...keeping, hub: options.hub, prefix: topicPrefix });
    const connection: AgentConnection = connectAgent({
      ...time,
      timers: points.connectionTimers(timers),
      url: options.hub,
      id: options.id,
      prefix: topicPrefix,
      presence,
      logger: log,
      identity: keeper,
      onConnect: () => link?.connected(),
      onDisconnect: () => link?.disconnected(),
      onMessage: (kind, bytes) => receive(kind, bytes),
    });
    teardown.add("connection", () => connection.stop());
    teardown.add("identity", async () => keeper?.close());
    link = new Link({
      ...time,
      side: "agent",
      outbox: points.outbox(store.toSend),
      inbox: actions.inbox,
      counters,
      transport: points.transport(connection.transport),
      authenticator,
      incarnation: database.incarnation,
      version,
      process: () => ({ id: processId, host: hostname(), address: connection.localAddress() }),
      responders: {
        blob: blobResponder(blobs),
        "execution-status": (args) => actions.executionStatus(args),
        ...sensorQuestionResponders(sensors),
      },
      newId,
      log,
      peerHello: async (hello) => {
        if (hubStore !== null && hubStore !== hello.incarnation) tellAgain();
        hubStore = hello.incarnation;
        hubTime.hear(hello);
      },
      ready: () => {
        log.info("the link to the hub is up");
        watch.linked();
        keeper?.linked();
        upgrader.changed();
      },
    });
    const made = link;
    early.made((op, args, withinMs) => made.ask(op, args, withinMs));
    receive = (kind, bytes) => made.receive(kind, bytes);
    teardown.add("link", () => made.close());
    // First of all, while there is still a link.
    teardown.add("work, and telling of it", () => work.stopAndTell(made), work.tellMs);
    const rooms = { connection, outbox, actions, sensors, refusals, policy, hubTime, counters, now };
    const status = ownStatus({
      ...rooms,
      facts: { id: options.id, version, incarnation: database.incarnation, hub: shownBrokerUrl(options.hub) },
      pid: process.pid,
      link: made,
      committer: database.committer,
      packs: applier,
      degraded: () => watch.condition.degraded,
      identity: () => keeper?.status() ?? null,
      residentBytes: () => process.memoryUsage.rss(),
    });
    const coverage = () => sensors.ask(watchSensor, "coverage", {}, sensorAnswersMs);
    const door = { path: socketOf(options.data), status, coverage, recent: log.recent, log };
    teardown.add("status socket", await serveStatus(door));
    log.info("agent started", { id: options.id, hub: shownBrokerUrl(options.hub), data: options.data });
    return {
      stop: () => teardown.run(),
      hurry: () => actions.hurry(),
      hasRunning: () => actions.hasRunning,
      handOver: () => actions.handOver(),
      withdrawHandOver: () => actions.withdrawHandOver(),
      hasHandedOver: () => actions.hasHandedOver,
      endHanded: () => actions.endHanded(),
      reloadPolicy: () => policy.reload(),
    };
  } catch (error) {
    await teardown.run();
    throw error;
  }
}
