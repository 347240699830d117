/** The agent's journal in LevelDB: which executions it has promised, started and settled. */
import type { ClassicLevel } from "classic-level";
import { timestamp } from "../../shared/clock.ts";
import { PetrelError } from "../../shared/errors.ts";
import type { AppendEntry } from "../../shared/link/outbox-store.ts";
import type { Logger } from "../../shared/log.ts";
import type { Committer, StoreOp } from "../../shared/storage/committer-store.ts";
import { readNow } from "../../shared/storage/read-now-store.ts";
import type { ActionRequestEntry, ExecutionUpdateEntry } from "../../shared/wire/messages.ts";
import { agentKey, agentKeys, agentRange, sortableTime } from "../store/keys.ts";
import { keptUpdate, type RowSeals } from "../store/row-seals.ts";
import {
  type AcceptedRecord,
  type CancelRecord,
  isByHand,
  type JournalRetention,
  type JournalState,
  journalRetention,
  type OpenExecution,
  type ProcessGroup,
  type ResultRecord,
  type StartedRecord,
} from "./journal.ts";
import { executionOf, parse, placeOf, purposeKey, settledKey } from "./journal-rows.ts";
import { KnownExecutions } from "./known-executions.ts";
import { knownUnopened, readableResult } from "./unreadable-result.ts";

/** Entries for the hub and further operations in one synced batch, all or none. */
export type AppendUp = (entries: readonly AppendEntry[], extraOps: readonly StoreOp[]) => Promise<unknown>;

export interface JournalOptions {
  readonly level: ClassicLevel<string, string>;
  readonly committer: Pick<Committer, "commit">;
  readonly append: AppendUp;
  readonly rows: RowSeals;
  readonly newId: () => string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly retention?: JournalRetention;
}

/** Values of open rows. */
type OpenRow = Pick<OpenExecution, "size" | "packDigest" | "action" | "byHand" | "secretResult">;
/** Earlier versions wrote these alone; what they left is read with its request. */
type OldOpenRow = Pick<OpenRow, "size" | "packDigest"> & Partial<OpenRow>;

const pruneStep = 500;
/** Requests kept in memory until they are first asked for; larger ones are read from disk. */
const maxFresh = 64;
const maxFreshBytes = 16 * 1024;

/**
 * Open executions are also in memory (a few hundred bytes each), settled ones are looked up on disk. Nothing in
 * memory changes before the batch that says so is on disk.
 */
export class JournalStore {
  readonly #options: JournalOptions;
  readonly #retention: JournalRetention;
  #open = new Map<string, OpenExecution>();
  /** Requests accepted a moment ago: most run at once, and need not be read back. */
  readonly #fresh = new Map<string, ActionRequestEntry>();
  /** Everything that is on disk, or may be: most requests are new, and need not be looked for. */
  readonly #known = new KnownExecutions();
  /** Before that `#known` does not tell. */
  #isLoaded = false;
  /** Of settled rows, for the caps. */
  #settledCount = 0;
  #settledBytes = 0;

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#retention = options.retention ?? journalRetention;
  }

  /** Reads the open executions; also after a failed batch, since what failed may be on disk nevertheless. */
  async load(): Promise<void> {
    const { level } = this.#options;
    const open = new Map<string, OpenExecution>();
    const range = agentRange(agentKeys.open);
    for await (const [key, value] of level.iterator(range)) {
      const execution = key.slice(range.gt.length);
      const row = await this.#completed(execution, JSON.parse(value) as OldOpenRow);
      open.set(execution, { execution, ...row, started: null, cancel: null });
    }
    const ids = [...open.keys()];
    const started = await level.getMany(ids.map((id) => agentKey(agentKeys.started, id)));
    const cancels = await level.getMany(ids.map((id) => agentKey(agentKeys.cancel, id)));
    for (const [at, known] of [...open.values()].entries())
      open.set(known.execution, {
        ...known,
        started: parse<StartedRecord>(started[at]),
        cancel: parse<CancelRecord>(cancels[at]),
      });
    for (const execution of ids) this.#known.add(execution);
    this.#fresh.clear();
    this.#settledCount = 0;
    this.#settledBytes = 0;
    for await (const [key, size] of level.iterator(agentRange(agentKeys.settled))) {
      this.#settledCount++;
      this.#settledBytes += Number(size);
      this.#known.add(executionOf(key));
    }
    this.#open = open;
    this.#isLoaded = true;
  }

  async #completed(execution: string, row: OldOpenRow): Promise<OpenRow> {
    const { size, packDigest, action, byHand } = row;
    if (action !== undefined && byHand !== undefined) return { ...row, action, byHand };
    const { level } = this.#options;
    const text = await level.get(agentKey(agentKeys.accepted, execution));
    const request = this.#read<AcceptedRecord>(agentKeys.accepted, execution, text)?.request;
    return {
      size,
      packDigest,
      action: request?.action ?? "",
      byHand: request !== undefined && isByHand(request),
    };
  }

  /** Promised and not settled. */
  openExecutions(): readonly OpenExecution[] {
    return [...this.#open.values()];
  }

  /** When an open execution started; `null` when it has not. */
  startedAt(execution: string): string | null {
    return this.#open.get(execution)?.started?.at ?? null;
  }

  /** Whether the result of an open execution may hold secrets. */
  hasSecretResult(execution: string): boolean {
    return this.#open.get(execution)?.secretResult === true;
  }

  /** The wish to cancel an open execution. */
  cancelOf(execution: string): CancelRecord | null {
    return this.#open.get(execution)?.cancel ?? null;
  }

  /** False: there is nothing of this execution on disk, under no id. Then it need not be asked for, and its state is `unknown`. */
  mayKnow(execution: string): boolean {
    return !this.#isLoaded || this.#known.mayHave(execution);
  }

  async states(executions: readonly string[]): Promise<Map<string, JournalState>> {
    const { level } = this.#options;
    const unknown = executions.filter((execution) => !this.#open.has(execution));
    const rows = await readNow(level, [
      ...unknown.map((id) => agentKey(agentKeys.result, id)),
      ...unknown.map((id) => agentKey(agentKeys.cancel, id)),
    ]);
    const states = new Map<string, JournalState>();
    for (const [at, execution] of unknown.entries()) {
      const read = () => this.#read<ResultRecord>(agentKeys.result, execution, rows[at]);
      const result = readableResult(read, rows[at] ?? "", this.#at());
      const cancel = parse<CancelRecord>(rows[unknown.length + at]);
      if (result !== null) states.set(execution, { phase: "settled", result });
      else
        states.set(execution, cancel === null ? { phase: "unknown" } : { phase: "canceled-early", cancel });
    }
    for (const execution of executions) {
      const open = this.#open.get(execution);
      if (open !== undefined) states.set(execution, phaseOf(open));
    }
    return states;
  }

  /**
   * Of executions that a restored hub has made a second time, and so under another id: the id that each has here.
   * To be asked for before anything is decided about them, or they would run a second time.
   */
  async earlierIds(executions: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const unknown = executions.filter((execution) => !this.#open.has(execution));
    const found = await readNow(this.#options.level, unknown.map(purposeKey));
    const earlier = new Map<string, string>();
    for (const [at, execution] of unknown.entries()) {
      const id = found[at];
      if (id !== undefined && id !== execution) earlier.set(execution, id);
    }
    return earlier;
  }

  /** To be written with the first record of an execution. */
  purposeOp(execution: string): StoreOp {
    this.#known.add(execution);
    return { type: "put", key: purposeKey(execution), value: execution };
  }

  /** The stored request of an open execution. */
  async request(execution: string): Promise<ActionRequestEntry> {
    const fresh = this.#fresh.get(execution);
    if (fresh !== undefined) {
      this.#fresh.delete(execution);
      return fresh;
    }
    const [text] = await readNow(this.#options.level, [agentKey(agentKeys.accepted, execution)]);
    const record = this.#read<AcceptedRecord>(agentKeys.accepted, execution, text);
    if (record !== null) return record.request;
    throw new PetrelError("NOT_FOUND", `the journal has no request of execution ${execution}`);
  }

  /** To be written before the receipt, in one batch with the mark; then `noteAccepted`. */
  acceptOps(request: ActionRequestEntry): { readonly ops: readonly StoreOp[]; readonly open: OpenExecution } {
    const record: AcceptedRecord = { request, at: this.#at() };
    const { execution, action, pack_digest: packDigest, secret = [] } = request;
    const isSecret = secret.includes("parameters");
    const value = this.#options.rows.keep(placeOf(agentKeys.accepted, execution), record, isSecret);
    const row: OpenRow = {
      size: Buffer.byteLength(value),
      packDigest,
      action,
      byHand: isByHand(request),
      ...(secret.includes("result") && { secretResult: true }),
    };
    const ops: StoreOp[] = [
      { type: "put", key: agentKey(agentKeys.accepted, execution), value },
      { type: "put", key: agentKey(agentKeys.open, execution), value: JSON.stringify(row) },
      this.purposeOp(execution),
    ];
    return { ops, open: { execution, ...row, started: null, cancel: null } };
  }

  /** With `request`, that need not be read back when it is asked for next. */
  noteAccepted(open: OpenExecution, request: ActionRequestEntry | null = null): void {
    this.#open.set(open.execution, open);
    const fits = this.#fresh.size < maxFresh && open.size <= maxFreshBytes;
    if (request !== null && fits) this.#fresh.set(open.execution, request);
  }

  /** A wish to cancel survives a crash. One that came before its request is kept like a settled execution. */
  cancelOps(
    execution: string,
    reason: string,
    isEarly: boolean,
  ): { ops: readonly StoreOp[]; cancel: CancelRecord } {
    const cancel: CancelRecord = { at: this.#at(), reason };
    const key = agentKey(agentKeys.cancel, execution);
    const ops: StoreOp[] = [{ type: "put", key, value: JSON.stringify(cancel) }];
    if (isEarly) this.#known.add(execution);
    if (isEarly)
      ops.push({ type: "put", key: settledKey(cancel.at, execution), value: String(reason.length) });
    return { ops, cancel };
  }

  noteCanceled(execution: string, cancel: CancelRecord): void {
    const open = this.#open.get(execution);
    if (open !== undefined) this.#open.set(execution, { ...open, cancel });
    else this.#countSettled(1, cancel.reason.length);
  }

  /**
   * Resolves once the start and its announcement are on disk. To be awaited before the first side effect;
   * rejects with STORE_WRITE or LINK_OUTBOX_FULL: then nothing may run.
   */
  async started(execution: string, group: ProcessGroup | null): Promise<StartedRecord> {
    const open = this.#open.get(execution);
    const at = this.#at();
    const started: StartedRecord = { at, group, attempt: (open?.started?.attempt ?? 0) + 1 };
    const running = this.#update(execution, { status: "running", started_at: at });
    const key = agentKey(agentKeys.started, execution);
    await this.#options.append([running], [{ type: "put", key, value: JSON.stringify(started) }]);
    const now = this.#open.get(execution);
    if (now !== undefined) this.#open.set(execution, { ...now, started });
    return started;
  }

  /**
   * Resolves once result and update are on disk, in one batch. Does nothing for an execution that is not open:
   * the first last word counts. A start that was not announced is with the result's `started_at`.
   */
  async settle(execution: string, result: ResultRecord): Promise<void> {
    if (!this.#open.has(execution)) return;
    const { entry, ops, size } = this.settleOps(execution, result);
    await this.#options.append([entry], ops);
    this.noteSettled(execution, size);
  }

  /** For those who settle in a larger batch; then `noteSettled`. */
  settleOps(execution: string, last: ResultRecord, early: CancelRecord | null = null) {
    const open = this.#open.get(execution);
    const isSecret = open?.secretResult === true || last.secret === true;
    const result: ResultRecord = isSecret ? { ...last, secret: true } : last;
    const place = placeOf(agentKeys.result, execution);
    const value = this.#options.rows.keep(place, result, isSecret, knownUnopened(result));
    const size = Buffer.byteLength(value);
    // What is in memory is on disk. A wish to cancel that is being written now stays until the result goes.
    const gone: string[] = [];
    if (open !== undefined) gone.push(agentKeys.accepted, agentKeys.open);
    if ((open?.started ?? null) !== null) gone.push(agentKeys.started);
    if ((open?.cancel ?? early) !== null) gone.push(agentKeys.cancel);
    const ops: StoreOp[] = [
      { type: "put", key: agentKey(agentKeys.result, execution), value },
      { type: "put", key: settledKey(result.ended_at, execution), value: String(size) },
    ];
    for (const prefix of gone) ops.push({ type: "del", key: agentKey(prefix, execution) });
    if (early !== null) ops.push({ type: "del", key: settledKey(early.at, execution) });
    return { entry: this.#update(execution, result), ops, size };
  }

  noteSettled(execution: string, size: number, early: CancelRecord | null = null): void {
    this.#open.delete(execution);
    this.#fresh.delete(execution);
    this.#countSettled(1, size);
    if (early !== null) this.#countSettled(-1, -early.reason.length);
  }

  #countSettled(records: number, bytes: number): void {
    this.#settledCount += records;
    this.#settledBytes += bytes;
  }

  /** Says where an execution stands; not a change, so it may be sent more than once. */
  announcement(
    execution: string,
    fields: Pick<ExecutionUpdateEntry, "status"> & Partial<ExecutionUpdateEntry>,
  ): ExecutionUpdateEntry {
    return this.#update(execution, fields);
  }

  async announce(
    execution: string,
    fields: Pick<ExecutionUpdateEntry, "status"> & Partial<ExecutionUpdateEntry>,
  ): Promise<void> {
    await this.#options.append([this.#update(execution, fields)], []);
  }

  get isOverCap(): boolean {
    return this.#isOver(0, 0);
  }

  /** To be called now and then: begins to prune when too much is kept. */
  pruneIfOver(log: Logger): void {
    if (!this.isOverCap) return;
    this.prune().catch((error) => log.warn("the journal could not be pruned", { error }));
  }

  /** Forgets settled executions that are too old, or too many, oldest first. Resolves with how many. */
  async prune(): Promise<number> {
    const { level, committer, now } = this.#options;
    const oldest = sortableTime(now() - this.#retention.ageMs);
    const range = agentRange(agentKeys.settled);
    let forgotten = 0;
    for (;;) {
      const ops: StoreOp[] = [];
      let bytes = 0;
      let rows = 0;
      for await (const [key, size] of level.iterator({ ...range, limit: pruneStep })) {
        const [, at = "", execution = ""] = key.split("!");
        if (at >= oldest && !this.#isOver(rows, bytes)) break;
        rows++;
        bytes += Number(size);
        const keys = [
          key,
          purposeKey(execution),
          agentKey(agentKeys.result, execution),
          agentKey(agentKeys.cancel, execution),
        ];
        ops.push(...keys.map((gone): StoreOp => ({ type: "del", key: gone })));
      }
      if (rows === 0) return forgotten;
      await committer.commit({ ops, bytes: ops.length * 64, source: "journal-prune" });
      this.#countSettled(-rows, -bytes);
      forgotten += rows;
    }
  }

  /** Whether too much is kept, not counting what is about to go. */
  #isOver(rows: number, bytes: number): boolean {
    const { records, bytes: most } = this.#retention;
    return this.#settledCount - rows > records || this.#settledBytes - bytes > most;
  }

  #at(): string {
    return timestamp(this.#options.now());
  }

  #update(
    execution: string,
    fields: Pick<ExecutionUpdateEntry, "status"> & Partial<ExecutionUpdateEntry>,
  ): ExecutionUpdateEntry {
    const { newId, rows } = this.#options;
    return keptUpdate({ ...fields, id: newId(), at: this.#at(), kind: "execution-update", execution }, rows);
  }

  #read<T>(kind: string, execution: string, text: string | undefined): T | null {
    return text === undefined ? null : this.#options.rows.read<T>(placeOf(kind, execution), text);
  }
}

function phaseOf({ started, cancel }: OpenExecution): JournalState {
  return started === null ? { phase: "accepted", cancel } : { phase: "started", started, cancel };
}
