/** The hub's composition root: one straight line in order of dependence, taken down in reverse. */
import { join } from "node:path";
import { BlobStore } from "../shared/blobs/blob-fs.ts";
import { type BlobFetch, blobResponder, fetchBlob } from "../shared/blobs/blob-transfer.ts";
import { createBreath } from "../shared/breath-process.ts";
import { timestamp } from "../shared/clock.ts";
import { daemonLogger } from "../shared/daemon-log-process.ts";
import { makeDataFolder } from "../shared/folder-fs.ts";
import { ulidSource } from "../shared/ids.ts";
import { followOwnTrial } from "../shared/install/own-trial-process.ts";
import { killAt } from "../shared/kill-point-process.ts";
import { linkCounters } from "../shared/link/counters.ts";
import type { Logger } from "../shared/log.ts";
import { shownBrokerUrl } from "../shared/mqtt/broker-url.ts";
import { SlowRegex } from "../shared/rules/slow-regex-process.ts";
import { watchForEnd } from "../shared/signals-process.ts";
import { retryLocked } from "../shared/storage/retry-locked.ts";
import { systemClock, systemJitter, systemRandom, systemTimers } from "../shared/system-process.ts";
import { Teardown } from "../shared/teardown.ts";
import { version } from "../shared/version.ts";
import { devAuthenticator } from "../shared/wire/authenticator.ts";
import { AgentLinks } from "./agents/agent-links.ts";
import { openAgentRegistry } from "./agents/agent-registry.ts";
import { Conflicts } from "./agents/conflicts.ts";
import { createGreeter } from "./agents/greeting.ts";
import { startNeighbor } from "./agents/neighbor-process.ts";
import { OpenWork } from "./agents/open-work.ts";
import { BackupDesk } from "./backup/backup-desk.ts";
import { refuseHalfRestored, refuseTarget, writeBackup } from "./backup/backup-fs.ts";
import { restoredAt, restoredSetting } from "./backup/restored.ts";
import { openTransport } from "./broker/open-mqtt.ts";
import { Refusals } from "./broker/refusals.ts";
import type { TransportEvents } from "./broker/transport.ts";
import { openDatastore } from "./datastore/open-datastore-fs.ts";
import { templateKeys } from "./datastore/template-keys.ts";
import { openEnrolment } from "./enrolment/open-enrolment-fs.ts";
import { startCoordination } from "./executions/coordination.ts";
import { resultReader } from "./executions/large-result.ts";
import { LiveOutput } from "./executions/live-output.ts";
import { hubAgentId } from "./executions/place.ts";
import { fetchResultJob } from "./executions/result-blobs.ts";
import { resultFetcher } from "./executions/result-fetcher.ts";
import { RunDesk } from "./executions/run-desk.ts";
import { createShrinker } from "./executions/shrink.ts";
import { HubWatch } from "./figures/figures.ts";
import { Tally } from "./figures/tally.ts";
import { openFileDesk } from "./files/file-desk.ts";
import { Watchers } from "./files/watchers.ts";
import { HistoryCap } from "./history-cap.ts";
import { startHousekeeping } from "./housekeeping.ts";
import { requireReach, startApi } from "./http/start-http.ts";
import type { HubOptions, RunningHub } from "./hub-options.ts";
import { fleetCertificate } from "./identity/api-certificate.ts";
import { hubProduct } from "./install/product.ts";
import { createAgentInbox } from "./intake/agent-inbox.ts";
import { createIntakeBudget } from "./intake/credit.ts";
import { createIntakeJournal } from "./intake/intake-journal.ts";
import { openIntakeRecords } from "./intake/intake-journal-fs.ts";
import { LetterDesk } from "./intake/letter-desk.ts";
import { requireContext, takeContexts } from "./intake/take-context.ts";
import { startJobRunner } from "./jobs/job-runner.ts";
import { hubPointsOf } from "./kill-points.ts";
import { createOperations } from "./operations-service.ts";
import { AgentConfigs } from "./packs/agent-config.ts";
import { readBuiltInPacks } from "./packs/built-in-fs.ts";
import { PackDesk } from "./packs/pack-desk.ts";
import { Telling } from "./packs/telling.ts";
import { systemUser } from "./rules/enforce.ts";
import { Hindsight } from "./rules/hindsight.ts";
import { openLiveRules } from "./rules/live-rules.ts";
import { OwnTriggers } from "./rules/own-triggers.ts";
import { RuleDesk } from "./rules/rule-desk.ts";
import { requireSafeReach } from "./safe-reach-mqtt.ts";
import { openedEntry } from "./secrets/opened-entry.ts";
import { storeFormat } from "./store/format.ts";
import { createHubClock } from "./store/hub-clock.ts";
import { hubName } from "./store/hub-name.ts";
import { openLevelStore } from "./store/level-store.ts";
import { Timekeeper } from "./timers/timekeeper.ts";
import { openUpgrades } from "./upgrades/upgrades.ts";

const topicPrefix = "petrel";
/** Milliseconds for one range of a blob to come from an agent. */
const rangeWithinMs = 15_000;
/** Milliseconds in which a session that is alive says so, when another one wants its agent id. */
const answerWithinMs = 3_000;
/** How long another process may still hold the folder: one that is just ending. */
const lockPatienceMs = 5_000;

/** Long on purpose: the order of these lines is the order of dependence, and reading it is understanding the hub. */
export async function startHub(options: HubOptions, log: Logger): Promise<RunningHub> {
  requireReach(options);
  requireSafeReach(options);
  const timers = systemTimers;
  const jitter = systemJitter;
  const points = hubPointsOf(killAt(process.env.PETREL_KILL_AT));
  const teardown = new Teardown({ timers, log });
  try {
    await makeDataFolder(options.data, 0o700);
    await refuseHalfRestored(options.data);
    const storeOptions = { folder: join(options.data, "store"), random: systemRandom, logger: log };
    const own = new OwnTriggers();
    const store = points.store(
      await retryLocked(lockPatienceMs, { clock: systemClock, timers }, () =>
        openLevelStore({ ...storeOptions, clock: systemClock, teller: own }),
      ),
    );
    teardown.add("store", () => store.close());
    const clock = createHubClock(systemClock, await store.clockHighWater());
    const now = () => clock.now();
    const newId = ulidSource(clock, systemRandom);
    const refusals = new Refusals({ logger: log, clock: systemClock });
    const parts = { store, clock, now, newId, timers, jitter, log, refusals };
    const datastore = await openDatastore({ ...parts, data: options.data, random: systemRandom });
    const { keys, sealer } = datastore;
    teardown.add("datastore", () => keys.close());
    const base = { ...parts, sealer };
    const hub = await hubName(store, newId);

    const restoredAtMs = restoredAt(await store.setting(restoredSetting));
    if (restoredAtMs !== null) log.info("this database was restored", { at: timestamp(restoredAtMs) });
    const blobs = points.blobs(await BlobStore.open({ folder: join(options.data, "blobs") }));
    const source = { copy: store.copy, blobs, format: storeFormat, version, hub, data: options.data, now };
    const backups = new BackupDesk({
      refuse: (folder) => refuseTarget(folder, options.data),
      write: (folder, progress) => writeBackup(source, folder, progress),
      now,
      newId,
      log,
    });
    teardown.add("backups", () => backups.close());
    const registry = await openAgentRegistry(base);
    teardown.add("agent registry", () => registry.close());
    const configs = new AgentConfigs(templateKeys(keys, systemUser), systemUser, sealer);
    const reach = { mqtt: options.mqtt, brokerUrl: options.brokerUrl, dev: options.dev, prefix: topicPrefix };
    const enrolment = await openEnrolment({
      ...options,
      ...base,
      ...reach,
      registry,
      keys,
      hub,
      random: systemRandom,
    });
    teardown.add("identities", async () => enrolment?.close());
    const upgrades = openUpgrades({ ...base, registry, blobs, enrolment, version });
    teardown.add("upgrades of agents", () => upgrades.rollouts.close());
    const slowRegex = new SlowRegex();
    teardown.add("slow patterns", () => slowRegex.close());
    const shrink = createShrinker({ put: (bytes) => blobs.put(bytes), sealer, random: systemRandom });
    const rules = await openLiveRules({
      ...base,
      registry,
      keys,
      agentConfigs: configs,
      slowRegex: (request) => slowRegex.ask(request),
      shrink,
      breathe: createBreath(clock),
      loopDepth: options.loopDepth,
    });
    teardown.add("rules", () => rules.close());
    const { judge, catalogue, settled, digest } = rules;
    own.use({ rules, registry, keys, now });

    const files = await openFileDesk(base);
    teardown.add("changes of files", () => files.close());
    const contextOf = takeContexts({ ...base, judge, restoredAtMs, expect: files.expect });
    const records = openIntakeRecords(options.data);
    teardown.add("intake records", () => records.close());
    const tally = new Tally();
    const counters = linkCounters();
    const stopTally = store.subscribeChanges((changes) => tally.note(changes, clock.monotonic()));
    teardown.add("tally", async () => stopTally());
    const budget = createIntakeBudget({
      fleet: () => Math.max(links.connectedCount, registry.all().length),
      figures: () => store.figures(),
      wake: (agent) => links.grant(agent),
    });
    store.subscribeChanges(() => budget.goOn());
    const telling = new Telling({ ...base, registry, configs });
    teardown.add("telling agents their packs", () => telling.close());
    const ask: AgentLinks["ask"] = (...question) => links.ask(...question);
    const openWork = new OpenWork({
      ...base,
      ask,
      skewMs: (agent) => registry.get(agent)?.skew_ms ?? 0,
    });
    teardown.add("asking about open executions", () => openWork.close());
    const packs = new PackDesk({
      ...base,
      telling,
      keepContents: (bytes) => blobs.put(bytes),
      // In dev mode every agent runs every pack; otherwise none until it is assigned.
      assignTo: options.dev ? [{}] : [],
    });
    const conflicts = new Conflicts({
      ...base,
      registry,
      answers: (agent) => links.answers(agent, answerWithinMs),
      monotonic: () => clock.monotonic(),
    });
    const greet = createGreeter({ ...base, registry, conflicts });
    const fetchResult = resultFetcher({
      isKept: async (execution) => (await store.execution(execution)) !== null,
      fetch: (agent, ref) => {
        const askIt: BlobFetch["ask"] = (...question) => ask(agent, ...question);
        return fetchBlob({ ask: askIt, ref, store: blobs, withinMs: rangeWithinMs });
      },
    });
    const kick = () => jobs.kick();
    const coordination = startCoordination({ ...base, catalogue, settled, digest, shrink, kick });
    teardown.add("slots, times and attempts", () => coordination.close());
    const jobs = startJobRunner({ ...base, work: { [fetchResultJob]: fetchResult, ...coordination.work } });
    teardown.add("jobs", () => jobs.stop());
    const output = new LiveOutput();
    const links: AgentLinks = new AgentLinks({
      ...base,
      hub,
      incarnation: store.incarnation,
      version,
      authenticator: (agent) => enrolment?.authenticator(agent) ?? devAuthenticator,
      isBroker: options.brokerUrl === null,
      transport: (agent) =>
        points.transport({ send: (kind, bytes) => transport.transport(agent).send(kind, bytes) }),
      inbox: (agent, claim, lost) =>
        createAgentInbox({
          ...base,
          claim,
          lost,
          budget: budget.of(agent),
          context: async (nowMs) => requireContext(agent, await contextOf(agent, nowMs)),
          taken: (effects, idle) => {
            for (const { type } of effects) {
              // Its labels may be others now.
              if (type === "agent") void telling.tell(agent);
              else if (type === "job") jobs.kick();
              else if (type === "gap") tally.gaps(1);
            }
            tally.idleReports(idle);
          },
        }),
      journal: (agent, claim) => createIntakeJournal({ ...base, agent, claim, records }),
      counters,
      output: (agent, chunk) => output.take(agent, chunk),
      responders: (agent) => ({
        blob: upgrades.desk.noting(agent, blobResponder(blobs)),
        condition: (args) => greet.condition(agent, args),
        ...datastore.responders(agent),
        ...enrolment?.responders(agent),
      }),
      greeted: greet.arrived,
      openEntry: (entry, capabilities) => openedEntry(entry, sealer, capabilities),
      isPaused: (agent) => registry.get(agent)?.conflict != null,
      ready: (agent, peer) => {
        void greet.keyed(agent, peer);
        void telling.tell(agent);
        openWork.greeted(agent);
      },
      keysSeen: (agent, serial) => void greet.keysSeen(agent, serial, enrolment?.identity.signer().statement),
      gone: greet.departed,
    });
    await greet.allAway();
    if (options.withAgent) await greet.expect(hubAgentId);
    await packs.begin(await readBuiltInPacks());
    await rules.judgePending();
    const timekeeper = new Timekeeper({ ...base, judge, settled, catchUp: options.timers.catchUp });
    teardown.add("timers", () => timekeeper.stop());

    const events: TransportEvents = {
      onConnect: (agent, { address }) => links.connected(agent, address),
      onDisconnect: (agent) => links.disconnected(agent),
      onMessage: (agent, kind, bytes) => links.receive(agent, kind, bytes),
      mayTakeOver: (agent, before, after) => conflicts.mayTakeOver(agent, before, after),
      isAlive: (agent) => links.answers(agent, answerWithinMs),
      ...(enrolment !== null && { onEnrol: enrolment.onEnrol }),
    };
    const secure = enrolment === null ? {} : { secure: enrolment.secure };
    const { mqtt: listen, shares } = options;
    const way = { ...base, ...events, ...reach, ...secure, listen, shares, name: hub, logger: log };
    const opened = await openTransport(way);
    const { transport, url: brokerUrl, reached } = opened;
    enrolment?.use(opened, () => links.greetAnew());
    const mqtt = shownBrokerUrl(brokerUrl);
    teardown.add("agent links", () => links.close());
    teardown.add("broker", () => transport.stop());

    const history = new HistoryCap({ ...base, blobs, capBytes: options.retention.maxBytes });
    const health = () => ({
      history: history.figures(),
      store: store.figures(),
      intake: budget.figures(),
      broker: { ...transport.stats(), reached: reached() },
    });
    const watch = new HubWatch({
      ...base,
      registry,
      session: (agent) => links.figures(agent),
      tally,
      counters,
      credit: () => budget.granted(),
      health,
      residentBytes: () => process.memoryUsage.rss(),
      monotonic: () => clock.monotonic(),
    });
    const ruleDesk = new RuleDesk({ ...base, catalogue });
    const operations = createOperations({
      ...base,
      registry,
      conflicts,
      packs,
      telling,
      runs: new RunDesk({ ...base, registry, catalogue, resolve: rules.resolveRun, shrink }),
      rules: ruleDesk,
      hindsight: new Hindsight({ store, rules, desk: ruleDesk }),
      backups,
      datastore: datastore.desk,
      configs,
      files,
      timekeeper,
      catalogue,
      watchers: new Watchers({ agents: registry, ask }),
      letters: new LetterDesk({ store, context: (agent) => contextOf(agent, now()) }),
      judge,
      settled,
      enrolment: enrolment?.desk ?? null,
      upgrades,
      facts: {
        version,
        hub,
        started_at: timestamp(now()),
        dev: options.dev,
        data: options.data,
        mqtt,
        broker: options.brokerUrl === null ? "embedded" : "external",
      },
      health,
      watch,
    });
    const readBlob = resultReader((digest) => blobs.readAll(digest), sealer);
    const fleet = enrolment && fleetCertificate(enrolment.identity);
    const laterProtocol = () => links.laterProtocol();
    const api = { ...base, options, fleet, mqtt, operations, readBlob, output, laterProtocol };
    const { url, close } = await startApi(api);
    teardown.add("HTTP API", close);

    const housekeeping = startHousekeeping({
      ...base,
      registry,
      keys,
      blobs,
      pinned: () => backups.pinned,
      retention: options.retention,
      lostAfter: options.lostAfter,
      history,
      hostNow: () => systemClock.now(),
      timers: points.choreTimers(timers),
    });
    teardown.add("housekeeping", () => housekeeping.stop());
    void timekeeper.start();
    upgrades.rollouts.start();
    if (options.withAgent) {
      const neighbor = startNeighbor({
        data: join(options.data, "agent"),
        dev: options.dev,
        env: (await enrolment?.neighborEnv()) ?? {},
        hub: brokerUrl,
        log: options.log,
        logger: log,
        timers,
        jitter,
        ...(options.agentLog !== undefined && { logFile: options.agentLog }),
      });
      teardown.add("agent beside the hub", () => neighbor.stop(), 10_000);
    }
    if (options.dev) log.warn("dev mode: loopback only, agents are not enrolled and packets are not signed");
    log.info("hub started", { hub, http: url, mqtt, data: options.data });
    return { url, mqtt, operations, store, stop: () => teardown.run() };
  } catch (error) {
    await teardown.run();
    throw error;
  }
}

/** Runs until a signal. Resolves to the exit code; says `ready …` on standard output once agents and people may come. */
export async function runHub(options: HubOptions): Promise<number> {
  const log = daemonLogger(options.log);
  const watch = watchForEnd({ withParent: false });
  try {
    const hub = await startHub(options, log);
    process.stdout.write(`ready http=${hub.url} mqtt=${hub.mqtt}\n`);
    const unfollow = followOwnTrial({ product: hubProduct, version, log });
    const { code, why } = await watch.ended;
    unfollow();
    log.info("hub stops", { why });
    return (await hub.stop()) ? code : 1;
  } finally {
    watch.release();
  }
}
