/** Tells each agent which packs it is to run: what it has not been told yet goes into its ledger. */
import { timestamp } from "../../shared/clock.ts";
import type { Logger } from "../../shared/log.ts";
import type { PackRecord } from "../../shared/model/pack.ts";
import type { RuleDefinition } from "../../shared/model/rule.ts";
import { Rounds } from "../../shared/rounds.ts";
import type { Timers } from "../../shared/timers.ts";
import { maxEntryBytes } from "../../shared/wire/messages.ts";
import type { AgentRegistry } from "../agents/agent-registry.ts";
import { sealedAssignment } from "../secrets/opened-entry.ts";
import { mayHoldSecrets } from "../secrets/sealed-pack.ts";
import type { Sealer } from "../secrets/sealer.ts";
import type { Dispatch, StoredAssignment } from "../store/port/ledgers.ts";
import { sentSize } from "../store/sent-size.ts";
import type { Store } from "../store/store.ts";
import type { AgentConfigs } from "./agent-config.ts";
import { nothingTold, type Told, untold } from "./assign.ts";
import { rulesWithParameters, triggersFor } from "./rule-triggers.ts";

export interface TellingOptions {
  readonly store: Store;
  readonly registry: AgentRegistry;
  readonly configs: Pick<AgentConfigs, "of" | "uses">;
  readonly sealer: Sealer;
  /** Hub time in ms. */
  readonly now: () => number;
  readonly newId: () => string;
  readonly timers: Timers;
  readonly jitter: () => number;
  readonly log: Logger;
}

const nothingWanted = "[]";

export class Telling {
  readonly #options: TellingOptions;
  /** What is said to one agent is said in order. */
  readonly #agents = new Map<string, Rounds>();
  readonly #stopListening: () => void;
  /** Of the rule set that `version` names. */
  #wanted: {
    readonly version: number;
    readonly rules: readonly RuleDefinition[];
    readonly text: string;
  } | null = null;
  /** What the rules wanted when all agents were told last; at the start each is told as it comes. */
  #toldText = nothingWanted;
  #isClosed = false;

  constructor(options: TellingOptions) {
    this.#options = options;
    this.#stopListening = options.store.subscribeChanges(
      (changes) => {
        if (changes.some(({ type }) => type === "rules" || type === "reopened")) void this.#rulesChanged();
        if (
          changes.some((change) => change.type === "key" && options.configs.uses(change.scope, change.name))
        )
          void this.#tellOnline();
      },
      ["rules", "key"],
    );
  }

  /** To be called after packs changed. Resolves as `tell` does, for all. */
  async tellAll(): Promise<void> {
    await Promise.all(this.#options.registry.all().map(({ id }) => this.tell(id)));
  }

  /**
   * A key may change each minute, and what is said to an agent that is away stays in its ledger: such a one is told as it
   * stands then, when its link is up again (`tell`).
   */
  async #tellOnline(): Promise<void> {
    const online = this.#options.registry.all().filter((agent) => agent.online);
    await Promise.all(online.map(({ id }) => this.tell(id)));
  }

  /**
   * To be called after the agent's labels or store changed. Resolves once what it has to be told is on disk, or the
   * first attempt at that has failed: it is tried again until it succeeds. Never rejects.
   */
  tell(agent: string): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    const known = this.#agents.get(agent);
    if (known !== undefined) return known.ask();
    const { timers, jitter, log } = this.#options;
    const rounds = new Rounds({
      timers,
      jitter,
      work: () => this.#tell(agent),
      failed: (error, retryMs) =>
        log.error("an agent could not be told its packs yet", { agent, error, retry_in_ms: retryMs }),
    });
    this.#agents.set(agent, rounds);
    return rounds.ask();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stopListening();
    await Promise.all([...this.#agents.values()].map((rounds) => rounds.stop()));
  }

  /** Most rules want nothing of the kind: only then is the whole fleet looked at. */
  async #rulesChanged(): Promise<void> {
    try {
      const { text } = await this.#rulesWithParameters();
      if (text === this.#toldText) return;
      this.#toldText = text;
      await this.tellAll();
    } catch (error) {
      this.#options.log.error("what rules want of sensors could not be read", { error });
    }
  }

  async #rulesWithParameters() {
    const { version, rules: all } = await this.#options.store.ruleSet();
    if (this.#wanted?.version !== version) {
      const rules = rulesWithParameters(all);
      const text = JSON.stringify(rules.map(({ trigger, origins }) => [trigger, origins]));
      this.#wanted = { version, rules, text };
    }
    return this.#wanted;
  }

  async #tell(id: string): Promise<void> {
    const { store, configs, sealer, now, newId, log } = this.#options;
    const agent = await store.agent(id);
    if (agent === null) return;
    const name = `told/${id}`;
    const before = ((await store.setting(name)) as Told | null) ?? nothingTold;
    const { rules } = await this.#rulesWithParameters();
    const triggersOf = (pack: PackRecord) => {
      const { triggers, left } = triggersFor(rules, pack, agent.labels);
      if (left > 0) log.error("rules want more triggers than an agent can be told", { pack: pack.ref, left });
      return triggers;
    };
    const saying = { triggersOf, configOf: configs.of };
    const packs = await store.packs();
    const { say, told, broken } = untold(agent, packs, before, saying);
    for (const { pack, error } of broken)
      log.error("an agent keeps a pack as it is: its configuration cannot be made", {
        agent: id,
        pack,
        error,
      });
    if (say.length === 0) return;
    const all = say.map((assigned): Dispatch & { readonly entry: StoredAssignment } => {
      const entry = { kind: "assignment", id: newId(), at: timestamp(now()), ...assigned } as const;
      const pack = packs.find(({ ref }) => ref === assigned.pack);
      const isSecret = pack !== undefined && mayHoldSecrets(pack, assigned.config);
      return { agent: id, entry: isSecret ? sealedAssignment(entry, sealer) : entry };
    });
    const [dispatches, large] = parted(all, ({ entry }) => sentSize(entry) <= maxEntryBytes);
    for (const { entry } of large)
      log.error("an agent keeps a pack as it is: what it is to be told of it is too large", {
        agent: id,
        pack: entry.pack,
        bytes: sentSize(entry),
        most: maxEntryBytes,
      });
    if (dispatches.length > 0) await store.appendDown(dispatches);
    // Second: dying here says it once more, which is harmless; the other way round it would never be said.
    const left = new Set(large.map(({ entry }) => entry.pack));
    const earlier = before.incarnation === told.incarnation ? before.packs : {};
    const packsTold = [
      ...Object.entries(told.packs).filter(([ref]) => !left.has(ref)),
      ...Object.entries(earlier).filter(([ref]) => left.has(ref)),
    ];
    await store.putSetting(name, { incarnation: told.incarnation, packs: Object.fromEntries(packsTold) });
  }
}

function parted<T>(all: readonly T[], isFirst: (each: T) => boolean): readonly [readonly T[], readonly T[]] {
  return [all.filter(isFirst), all.filter((each) => !isFirst(each))];
}
