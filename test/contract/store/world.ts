/** What the store's cases work with: a store that can be reopened and made to fail, and records of every kind. */
import type { Teller } from "../../../hub/store/occurrence.ts";
import type { Effect, Outcome, TakeIn } from "../../../hub/store/port/intake.ts";
import type { Claim, Dispatch } from "../../../hub/store/port/ledgers.ts";
import type { Store } from "../../../hub/store/store.ts";
import { timestamp } from "../../../shared/clock.ts";
import { derivedId, encodeTime } from "../../../shared/ids.ts";
import type { Execution } from "../../../shared/model/execution.ts";
import type { PackRecord } from "../../../shared/model/pack.ts";
import type { Enforcement, RuleRecord } from "../../../shared/model/rule.ts";
import type { TriggerInstance } from "../../../shared/model/trigger.ts";
import type { ActionRequestEntry, AssignmentEntry, ControlEntry } from "../../../shared/wire/messages.ts";
import { anExecution, anInstance, aRule, noon } from "../../support/records.ts";

export interface OpenOptions {
  readonly downCap?: { readonly entries: number; readonly bytes: number };
  readonly teller?: Teller;
}

export interface FailingWrite {
  readonly after?: number;
  /** It is on disk all the same: the disk's answer was lost. */
  readonly isWritten?: boolean;
}

/** The engine's own rows, with no store between: what somebody does behind the hub's back. */
export interface RawRows {
  /** Those whose keys begin so, in the order of their keys. */
  rows(prefix: string): Promise<[key: string, text: string][]>;
  /** `null` deletes. */
  put(key: string, text: string | null): Promise<void>;
}

/** An implementation under test. */
export interface StoreWorld {
  readonly store: Store;
  /** Closes it and opens it again on what is on disk. */
  reopen(): Promise<Store>;
  close(): Promise<void>;
  /** Closes it, has its rows changed, and opens it again. */
  tamper(change: (raw: RawRows) => Promise<void>): Promise<Store>;
  /** The store's clock; `now` may be moved. */
  readonly clock: { at: number };
  /** Makes a batch fail, after so many others; the implementation comes back by itself. */
  failWrite(how?: FailingWrite): void;
}

export type OpenStore = (options?: OpenOptions) => Promise<StoreWorld>;

export const hub = "hub-a";
export const lease = 60_000;

/** A ULID with this time (`noon` and as many milliseconds as the number) and this number. */
export function id(n: number): string {
  return encodeTime(noon + n) + String(n).padStart(16, "0");
}

export async function claimed(store: Store, agent = "web-1", by = hub): Promise<Claim> {
  const claim = await store.claimAgent(by, agent, lease, noon);
  if (claim === null) throw new Error(`agent ${agent} belongs to another hub`);
  return claim;
}

export function instance(n: number, over: Partial<TriggerInstance> = {}): TriggerInstance {
  const at = timestamp(noon + n);
  return anInstance({ id: id(n), received_at: at, occurrence_time: at, ...over });
}

export function enforcement(of: TriggerInstance, over: Partial<Enforcement> = {}): Enforcement {
  return {
    id: derivedId(Date.parse(of.received_at), of.id, "enforcement"),
    trigger_instance: of.id,
    rule: "mypack.on_change",
    enforced_at: of.received_at,
    status: "succeeded",
    failure_reason: null,
    executions: [],
    shadow: false,
    ...over,
  };
}

export function execution(n: number, over: Partial<Execution> = {}): Execution {
  const at = timestamp(noon + n);
  return anExecution({ id: id(n), created_at: at, log: [{ status: "scheduled", timestamp: at }], ...over });
}

export function request(of: Execution, over: Partial<ActionRequestEntry> = {}): Dispatch {
  const entry: ActionRequestEntry = {
    id: derivedId(Date.parse(of.created_at), of.id, "request"),
    at: of.created_at,
    kind: "action-request",
    execution: of.id,
    action: of.action,
    runner: of.runner,
    pack: "core",
    pack_digest: of.pack_digest,
    entry_point: "",
    runner_parameters: {},
    parameters: {},
    timeout: 60,
    idempotent: false,
    expires_at: null,
    user: of.user,
    rule: of.rule,
    trigger_instance: of.trigger_instance,
    ...over,
  };
  return { agent: of.agent, entry };
}

/** A request of an execution that nobody has stored; in the ledger it goes by the execution's id. */
export function asked(n: number, over: Partial<ActionRequestEntry> = {}, agent = "web-1"): Dispatch {
  return request(execution(n, { agent }), over);
}

export function cancel(of: Execution): Dispatch {
  const entry: ControlEntry = {
    id: derivedId(Date.parse(of.created_at), of.id, "cancel"),
    at: of.created_at,
    kind: "cancel",
    execution: of.id,
  };
  return { agent: of.agent, entry };
}

export function assignment(n: number, agent = "web-1"): Dispatch {
  const entry: AssignmentEntry = {
    id: id(n),
    at: timestamp(noon),
    kind: "assignment",
    pack: "mypack",
    digest: "sha256:1",
    size: 1,
    config: { n },
  };
  return { agent, entry };
}

/** An instance that one rule matched: one enforcement, one execution on its own agent, one request. */
export function outcome(n: number, agent = "web-1", over: Partial<TriggerInstance> = {}): Outcome {
  const of = instance(n, {
    status: "processed",
    rule_set_version: 1,
    origin: { agent, host: agent, labels: {} },
    ...over,
  });
  const run = execution(n, {
    id: derivedId(Date.parse(of.received_at), of.id, "mypack.on_change", agent),
    agent,
    created_at: of.received_at,
    trigger_instance: of.id,
    rule: "mypack.on_change",
  });
  const fired = enforcement(of, { executions: [run.id] });
  return {
    instance: of,
    enforcements: [fired],
    executions: [{ ...run, enforcement: fired.id }],
    dispatches: [request(run)],
  };
}

/** Takes effects in behind `mark`, one number each. */
export function take(claim: Claim, mark: number, effects: readonly Effect[], epoch = "E1"): TakeIn {
  return { claim, epoch, expectMark: mark, newMark: mark + Math.max(1, effects.length), effects };
}

export const outcomes = (numbers: readonly number[], agent = "web-1"): Effect[] =>
  numbers.map((n) => ({ type: "outcome", outcome: outcome(n, agent) }));

export function ruleRecord(name: string, over: Partial<RuleRecord> = {}): RuleRecord {
  const rule = aRule({ ref: `mypack.${name}`, name });
  return { rule, source: "pack", updated_at: timestamp(noon), rev: 1, ...over };
}

export function packRecord(over: Partial<PackRecord> = {}): PackRecord {
  const manifest = {
    ref: "mypack",
    name: "mypack",
    description: "",
    version: "1.0.0",
    author: "",
    email: null,
    keywords: [],
    python_versions: [],
  };
  return {
    ref: "mypack",
    version: "1.0.0",
    digest: "sha256:pack-1",
    size: 10,
    registered_at: timestamp(noon),
    pack: {
      manifest,
      trigger_types: [],
      sensors: [],
      actions: [],
      rules: [],
      config_schema: {},
      legacy_config: {},
    },
    config: {},
    layers: [],
    assigned_to: [],
    rev: 1,
    ...over,
  };
}

/** Everything in the ledger of an agent, as it would be sent: epoch, number, execution (or entry id). */
export async function ledger(store: Store, agent = "web-1"): Promise<string[]> {
  const found: string[] = [];
  for (const epoch of await store.downEpochs(agent)) {
    for (const { n, entry } of await store.readDown(agent, epoch.id, 1, 100_000, 1e9)) {
      found.push(`${n} ${"execution" in entry ? entry.execution : entry.id}`);
    }
  }
  return found;
}

/** All pages of a list, one after the other. */
export async function allPages<T>(
  list: (cursor: string | undefined) => Promise<{ items: readonly T[]; cursor?: string }>,
): Promise<T[]> {
  const found: T[] = [];
  let cursor: string | undefined;
  do {
    const page = await list(cursor);
    found.push(...page.items);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return found;
}

/** The store as it is, then as it is after a reopening. */
export async function* nowAndReopened(world: StoreWorld): AsyncGenerator<Store> {
  yield world.store;
  yield await world.reopen();
}
