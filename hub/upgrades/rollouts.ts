/**
 * Rollouts under way: brings each a step on when something has changed or its time has come. What it knows in memory is
 * what is on disk; whoever else writes it, another hub say, is noticed by the revision.
 */
import type { Logger } from "../../shared/log.ts";
import type { AgentRollout, RolloutAgent, UpgradeReport } from "../../shared/model/agent-rollout.ts";
import { Rounds } from "../../shared/rounds.ts";
import type { Timers } from "../../shared/timers.ts";
import type { AgentRegistry } from "../agents/agent-registry.ts";
import type { ChangeOf } from "../store/port/changes.ts";
import type { Store } from "../store/store.ts";
import { type AgentFacts, isInFlight, isOpen, type RolloutStep, step } from "./rollout.ts";
import { type Sender, wordsTo } from "./rollout-words.ts";
import { RunningSensors } from "./running-sensors.ts";

export interface RolloutsOptions extends Sender {
  readonly store: Pick<
    Store,
    | "rollouts"
    | "rollout"
    | "rolloutAgents"
    | "changeRollout"
    | "upgradeReports"
    | "sensors"
    | "subscribeChanges"
  >;
  readonly registry: Pick<AgentRegistry, "get">;
  readonly timers: Timers;
  readonly jitter: () => number;
  readonly log: Logger;
}

interface Known {
  readonly rollout: AgentRollout;
  /** In the order of their turns. */
  readonly agents: ReadonlyMap<string, RolloutAgent>;
}

/** A look at least so often while a rollout is under way: times pass without a change. */
const everyMs = 2_000;
/** Changes of a whole fleet come together. */
const gatherMs = 100;

const newsKinds = ["upgrade-report", "sensor", "agent", "rollout"] as const;
type News = ChangeOf<(typeof newsKinds)[number] | "reopened">;

export class Rollouts {
  readonly #options: RolloutsOptions;
  readonly #rounds: Rounds;
  readonly #stopListening: () => void;
  /** Those that have not ended. */
  #open = new Map<string, Known>();
  #reports = new Map<string, UpgradeReport>();
  /** Known while a rollout is open. */
  readonly #sensors = new RunningSensors();
  #isStale = true;
  /** Heard since the records began to be read: it is newer than what is read. */
  #reportsSince = new Map<string, UpgradeReport>();
  /** Id to the revision that this process has written last. */
  readonly #written = new Map<string, number>();
  #cancelLook = () => {};
  /** When the next look is due, by what was asked for. */
  #next: "soon" | "later" | null = null;
  /** Steps and wishes of people go one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: RolloutsOptions) {
    this.#options = options;
    const { timers, jitter, log, store } = options;
    this.#rounds = new Rounds({
      timers,
      jitter,
      work: () => this.#inTurn(() => this.#round()),
      failed: (error, retryMs) =>
        log.error("rollouts could not be brought on yet", { error, retry_in_ms: retryMs }),
    });
    this.#stopListening = store.subscribeChanges((changes) => this.#heard(changes), newsKinds);
  }

  /** At the start: goes on with what an earlier life has left. */
  start(): void {
    void this.#rounds.ask();
  }

  async close(): Promise<void> {
    this.#stopListening();
    const stopped = this.#rounds.stop();
    this.#cancelLook();
    await stopped;
    this.#cancelLook();
    await this.#turn;
  }

  /** Writes a new one and begins it. */
  async begin(rollout: AgentRollout, agents: readonly RolloutAgent[]): Promise<void> {
    await this.#inTurn(() =>
      this.#options.store.changeRollout({ rollout, expectRev: null, agents, dispatches: [] }),
    );
    this.#isStale = true;
    await this.#rounds.ask();
  }

  /** Changes one by a person's wish; `change` may throw, and names agents that are told to leave it. `null`: there is none. */
  async change(
    id: string,
    change: (
      rollout: AgentRollout,
      agents: readonly RolloutAgent[],
    ) => { readonly rollout: AgentRollout; readonly withdraw: readonly string[] },
  ): Promise<AgentRollout | null> {
    const changed = await this.#inTurn(async () => {
      for (;;) {
        const known = await this.#read(id);
        if (known === null) return null;
        const { rollout, withdraw } = change(known.rollout, [...known.agents.values()]);
        const done = await this.#write(known, { rollout, changed: [], ask: [], withdraw });
        if (done !== null) return done.rollout;
      }
    });
    this.#isStale = true;
    await this.#rounds.ask();
    return changed === null ? null : ((await this.#options.store.rollout(id)) ?? changed);
  }

  #heard(changes: readonly News[]): void {
    let matters = false;
    for (const change of changes) {
      switch (change.type) {
        case "upgrade-report":
          this.#reports.set(change.report.agent, change.report);
          this.#reportsSince.set(change.report.agent, change.report);
          matters = true;
          break;
        case "sensor":
          this.#sensors.note(change.sensor.agent, change.sensor.sensor, change.sensor.state === "running");
          matters ||= this.#open.size > 0;
          break;
        case "agent":
          matters ||= this.#open.size > 0;
          break;
        case "rollout":
          // Otherwise by another hub on the same store.
          if (this.#written.get(change.rollout.id) !== change.rollout.rev) this.#isStale = true;
          matters = true;
          break;
        case "reopened":
          this.#isStale = true;
          this.#sensors.forget();
          matters = true;
          break;
        default:
      }
    }
    if (matters) this.#look("soon");
  }

  /** What comes again and again does not put it off. */
  #look(when: "soon" | "later"): void {
    if (this.#next === "soon" || this.#next === when) return;
    this.#cancelLook();
    this.#next = when;
    this.#cancelLook = this.#options.timers.after(when === "soon" ? gatherMs : everyMs, () => {
      this.#next = null;
      void this.#rounds.ask();
    });
  }

  async #round(): Promise<void> {
    if (this.#isStale) await this.#load();
    if (this.#open.size === 0) {
      this.#sensors.forget();
      return;
    }
    await this.#sensors.load(this.#options.store);
    for (const id of [...this.#open.keys()]) await this.#bringOn(id);
    if (this.#open.size > 0) this.#look("later");
  }

  async #bringOn(id: string): Promise<void> {
    const { now } = this.#options;
    for (;;) {
      const known = this.#open.get(id);
      if (known === undefined) return;
      const busy = this.#inFlightBeside(id);
      const agents = [...known.agents.values()];
      const stepped = step(known.rollout, agents, (agent) => this.#factsOf(agent, busy), now());
      const isSame = stepped.rollout === known.rollout && stepped.changed.length === 0;
      if (isSame && stepped.withdraw.length === 0) return;
      const done = await this.#write(known, stepped);
      if (done !== null) this.#tell(done.rollout, stepped);
      if (done !== null && isOpen(done.rollout)) continue;
      if (done === null) {
        const fresh = await this.#read(id);
        if (fresh !== null && isOpen(fresh.rollout)) {
          this.#open.set(id, fresh);
          continue;
        }
      }
      this.#open.delete(id);
      this.#written.delete(id);
      return;
    }
  }

  /** `null`: somebody else has changed it. */
  async #write(known: Known, { rollout, changed, ask, withdraw }: RolloutStep): Promise<Known | null> {
    const { store } = this.#options;
    const next: AgentRollout = { ...rollout, rev: known.rollout.rev + 1 };
    const dispatches = wordsTo(next, { ask, withdraw }, this.#options);
    const expectRev = known.rollout.rev;
    this.#written.set(next.id, next.rev);
    if (!(await store.changeRollout({ rollout: next, expectRev, agents: changed, dispatches }))) return null;
    const agents = new Map(known.agents);
    for (const each of changed) agents.set(each.agent, each);
    const after = { rollout: next, agents };
    if (this.#open.has(next.id)) this.#open.set(next.id, after);
    return after;
  }

  #factsOf(agent: string, busy: ReadonlySet<string>): AgentFacts | null {
    const record = this.#options.registry.get(agent);
    if (record === null) return null;
    return {
      online: record.online,
      conflict: record.conflict != null,
      version: record.version,
      capable: record.upgrades ?? null,
      // Written at its hello, and not again before it goes.
      linkedSinceMs: record.online ? Date.parse(record.last_seen) : null,
      sensors: () => this.#sensors.of(agent),
      report: this.#reports.get(agent) ?? null,
      busy: busy.has(agent),
    };
  }

  #inFlightBeside(id: string): ReadonlySet<string> {
    const busy = new Set<string>();
    for (const [other, { agents }] of this.#open) {
      if (other === id) continue;
      for (const { agent, state } of agents.values()) if (isInFlight(state)) busy.add(agent);
    }
    return busy;
  }

  async #load(): Promise<void> {
    const { store } = this.#options;
    this.#isStale = false;
    this.#reportsSince = new Map();
    const reports = await store.upgradeReports();
    const all = await store.rollouts();
    const open = new Map<string, Known>();
    for (const { id } of all.filter(isOpen)) {
      const known = await this.#read(id);
      if (known !== null) open.set(id, known);
    }
    this.#reports = new Map(reports.map((report) => [report.agent, report]));
    for (const [agent, report] of this.#reportsSince) this.#reports.set(agent, report);
    this.#open = open;
  }

  async #read(id: string): Promise<Known | null> {
    const { store } = this.#options;
    const rollout = await store.rollout(id);
    if (rollout === null) return null;
    const agents = await store.rolloutAgents(id);
    return { rollout, agents: new Map(agents.map((each) => [each.agent, each])) };
  }

  #tell({ id, version, state, reason, counts }: AgentRollout, { changed, ask }: RolloutStep): void {
    const { log } = this.#options;
    if (ask.length > 0) log.info("a batch of a rollout begins", { rollout: id, version, agents: ask });
    for (const { agent, state: is, code, reason: why } of changed) {
      if (is === "failed" || is === "rolled_back")
        log.warn("an agent was not upgraded", { rollout: id, agent, state: is, code, reason: why });
    }
    if (state !== "running") log.info("a rollout stands", { rollout: id, version, state, reason, counts });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {
      // Its own caller is told.
    });
    return result;
  }
}
