/** Carries out what people ask of the hub, by handing each wish to the desk whose business it is. */
import { timestamp } from "../shared/clock.ts";
import { PetrelError } from "../shared/errors.ts";
import type { Logger } from "../shared/log.ts";
import type { AgentRecord } from "../shared/model/agent.ts";
import type { TriggerInstance } from "../shared/model/trigger.ts";
import type { AgentRegistry } from "./agents/agent-registry.ts";
import type { Conflicts } from "./agents/conflicts.ts";
import { effectiveLabels } from "./agents/labels.ts";
import type { BackupDesk } from "./backup/backup-desk.ts";
import type { KeyDesk } from "./datastore/key-desk.ts";
import { type EnrolmentDesk, identityOperations } from "./enrolment/enrolment-desk.ts";
import { ControlDesk } from "./executions/control-desk.ts";
import type { RunDesk } from "./executions/run-desk.ts";
import type { HubWatch } from "./figures/figures.ts";
import { compare } from "./files/compare.ts";
import type { FileDesk } from "./files/file-desk.ts";
import { fleetCoverage } from "./files/fleet-coverage.ts";
import { VerifyDesk } from "./files/verify-desk.ts";
import { readCoverage, readPathLook } from "./files/watch-answers.ts";
import type { Watchers } from "./files/watchers.ts";
import type { LetterDesk } from "./intake/letter-desk.ts";
import type { HubHealth, HubOperations, HubStatus } from "./operations.ts";
import type { AgentConfigs } from "./packs/agent-config.ts";
import type { Catalogue } from "./packs/catalogue.ts";
import { OverrideDesk } from "./packs/override-desk.ts";
import type { PackDesk } from "./packs/pack-desk.ts";
import type { Telling } from "./packs/telling.ts";
import type { Hindsight } from "./rules/hindsight.ts";
import type { RuleDesk } from "./rules/rule-desk.ts";
import type { Outcome } from "./store/port/intake.ts";
import type { Store } from "./store/store.ts";
import type { Timekeeper } from "./timers/timekeeper.ts";
import { type Upgrades, upgradeOperations } from "./upgrades/upgrades.ts";
import { WebhookDesk } from "./webhooks/webhook-desk.ts";

export interface OperationsOptions {
  readonly store: Store;
  readonly registry: AgentRegistry;
  readonly conflicts: Pick<Conflicts, "resolve">;
  readonly packs: PackDesk;
  readonly configs: Pick<AgentConfigs, "of">;
  readonly telling: Pick<Telling, "tell">;
  readonly rules: RuleDesk;
  readonly hindsight: Hindsight;
  readonly runs: RunDesk;
  readonly letters: LetterDesk;
  readonly backups: BackupDesk;
  readonly datastore: KeyDesk;
  readonly files: FileDesk;
  readonly watchers: Watchers;
  readonly timekeeper: Pick<Timekeeper, "list" | "settled">;
  readonly catalogue: () => Catalogue;
  /** Resolves when changed rules and packs are in force: what comes after an answer meets them. */
  readonly settled: () => Promise<void>;
  readonly judge: (instance: TriggerInstance, skewMs: number) => Promise<Outcome>;
  /** What does not change while the hub runs. */
  readonly facts: Pick<HubStatus, "version" | "hub" | "started_at" | "dev" | "data" | "mqtt" | "broker">;
  /** `null` in dev mode. */
  readonly enrolment: EnrolmentDesk | null;
  readonly upgrades: Upgrades;
  readonly health: () => HubHealth;
  readonly watch: HubWatch;
  readonly now: () => number;
  readonly newId: () => string;
  readonly log: Logger;
}

const labelKey = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$/;
const maxLabels = 64;
const maxLabelLength = 256;

export function createOperations(options: OperationsOptions): HubOperations {
  const {
    store,
    registry,
    conflicts,
    packs,
    telling,
    rules,
    hindsight,
    runs,
    letters,
    backups,
    datastore,
    files,
    watchers,
    timekeeper,
    judge,
    facts,
    watch,
    now,
    newId,
    log,
  } = options;
  const control = new ControlDesk({ store, now, newId });
  const overrides = new OverrideDesk({ store, packs });
  const webhooks = new WebhookDesk(options);
  const verifications = new VerifyDesk({ watchers, now, newId, store, log });
  const inForce = async <T>(change: Promise<T>): Promise<T> => {
    const result = await change;
    await options.settled();
    return result;
  };
  return {
    health: options.health,
    figures: () => watch.figures(),
    top: (query) => watch.top(query),
    async status() {
      const set = await store.ruleSet();
      return {
        ...facts,
        ...(await watch.counts()),
        history: options.health().history,
        rule_set_version: set.version,
        rules: set.rules.length,
        packs: (await store.packs()).length,
      };
    },
    run: (request) => runs.run(request),
    previewRun: (request) => runs.preview(request),
    rerun: (id, request) => runs.rerun(id, request),
    cancelExecution: (id, user) => control.cancel(id, user),
    pauseExecution: (id, user) => control.pause(id, user),
    resumeExecution: (id, user) => control.resume(id, user),
    registerPack: ({ files, folder, config }) => inForce(packs.register(files, { folder, config })),
    configurePack: (ref, labels, edit) => inForce(packs.configure(ref, labels, edit)),
    assignPack: (ref, to, edit) => inForce(packs.assign(ref, to, edit)),
    removePack: (ref) => inForce(packs.remove(ref)),
    overrides: () => overrides.list(),
    override: (name) => overrides.get(name),
    setOverride: (name, text) => inForce(overrides.set(name, text)),
    deleteOverride: (name) => inForce(overrides.delete(name)),
    createRule: (text) => inForce(rules.create(text)),
    updateRule: (ref, text) => inForce(rules.update(ref, text)),
    deleteRule: (ref) => inForce(rules.delete(ref)),
    ruleHistory: (ref) => rules.history(ref),
    rollbackRule: (ref, rev) => inForce(rules.rollback(ref, rev)),
    whyRule: (ref, instance) => hindsight.why(ref, instance),
    replayRule: (request) => hindsight.replay(request),
    setRuleEnabled: (ref, enabled) => inForce(rules.setEnabled(ref, enabled)),

    async timers() {
      await timekeeper.settled();
      return timekeeper.list();
    },
    webhooks: () => webhooks.list(),
    takeWebhook: (url, request) => webhooks.take(url, request),
    injectTrigger: (request) => webhooks.inject(request),

    async reEmit(id) {
      const original = await store.instance(id);
      if (original === null) throw notFound("trigger instance", id);
      const at = timestamp(now());
      const instance: TriggerInstance = {
        ...original,
        id: newId(),
        occurrence_time: at,
        received_at: at,
        status: "pending",
        reason: null,
        late: false,
        validation: null,
        re_emit_of: original.id,
        rule_set_version: null,
      };
      const outcome = await judge(instance, 0);
      await store.emit(outcome);
      return outcome.instance;
    },

    async labelAgent(id, labels) {
      checkLabels(labels);
      const changed = await registry.update(id, (known) => {
        if (known === null) return null;
        const set_labels = { ...known.set_labels, ...labels };
        if (Object.keys(set_labels).length > maxLabels) {
          throw new PetrelError("CONFIG_INVALID", `an agent has at most ${maxLabels} labels set by hand`, {
            where: id,
          });
        }
        const next: AgentRecord = { ...known, set_labels, rev: known.rev + 1 };
        return { ...next, labels: effectiveLabels(next) };
      });
      if (changed === null) {
        throw new PetrelError("AGENT_UNKNOWN", `no agent has the id ${id}`, {
          hint: "`petrel agent list` shows all",
        });
      }
      await telling.tell(id);
      return changed;
    },
    resolveAgent: (id) => conflicts.resolve(id),
    ...identityOperations(options.enrolment),
    ...upgradeOperations(options.upgrades),
    retryDeadLetter: (id) => letters.retry(id),
    dropDeadLetter: (id) => letters.drop(id),
    acknowledgeChanges: (request) => files.acknowledge(request),
    openWindow: (request) => files.openWindow(request),
    closeWindow: (id, user) => files.closeWindow(id, user),
    windows: (all) => files.windows(all),
    verifyFiles: (request) => verifications.begin(request),
    verification: (id) => verifications.look(id),
    async compareFiles(path, choice) {
      const replies = await watchers.askAll(watchers.choose(choice), "look", { path }, readPathLook);
      return compare(path, replies);
    },
    async fleetCoverage(choice) {
      return fleetCoverage(await watchers.askAll(watchers.choose(choice), "coverage", {}, readCoverage));
    },
    async watchCoverage(agent) {
      const [id = agent] = watchers.choose({ agents: [agent] });
      return watchers.ask(id, "coverage", {}, readCoverage);
    },
    keys: (query, page) => datastore.list(query, page),
    key: (address, decrypt) => datastore.get(address, decrypt),
    setKey: (address, request) => datastore.set(address, request),
    deleteKey: (address) => datastore.delete(address),
    agentConfig: (pack, labels) => options.configs.of(pack, labels),
    startBackup: (folder) => backups.start(folder),
    async backup(id) {
      const record = backups.get(id);
      if (record !== null) return record;
      throw new PetrelError("NOT_FOUND", `no backup has the id ${id}`, {
        hint: "a hub that was started again knows nothing of backups before that",
      });
    },
  };
}

function checkLabels(labels: Readonly<Record<string, string | null>>): void {
  for (const [key, value] of Object.entries(labels)) {
    if (!labelKey.test(key) || (value !== null && value.length > maxLabelLength)) {
      throw new PetrelError("CONFIG_INVALID", `'${key.slice(0, 80)}' cannot be a label`, {
        hint: `keys: letters, digits, . _ / -, at most 128; values: at most ${maxLabelLength} characters`,
      });
    }
  }
}

const notFound = (what: string, id: string) =>
  new PetrelError("NOT_FOUND", `no ${what} has the id ${id}`, {
    hint: `\`petrel trigger-instance list\` shows the latest`,
  });
