/** The agent's receiving end of the hub's ledger: journal, assignments and mark in one batch, then the work. */
import type { ClassicLevel } from "classic-level";
import { timestamp } from "../../shared/clock.ts";
import type { MarksStore } from "../../shared/link/marks-store.ts";
import type { AppendEntry } from "../../shared/link/outbox-store.ts";
import type { Inbox, NumberedEntry, TakeOutcome } from "../../shared/link/ports.ts";
import type { Logger } from "../../shared/log.ts";
import { readNow } from "../../shared/storage/read-now-store.ts";
import type { Credit, DownEntry, UpgradeEntry } from "../../shared/wire/messages.ts";
import type { ActionPoint } from "../kill-points.ts";
import { agentKey, agentKeys, wantedUpgrade } from "../store/keys.ts";
import { assignmentId, type RowSeals } from "../store/row-seals.ts";
import type { HostRefuses } from "./admit.ts";
import type { DispatchMessage } from "./dispatcher.ts";
import { type IntakePlan, namedIn, planIntake, renamed } from "./intake.ts";
import type { AppendUp, JournalStore } from "./journal-store.ts";
import type { Runner } from "./runners/runner.ts";

export interface InboxOptions {
  readonly level: ClassicLevel<string, string>;
  readonly append: AppendUp;
  readonly marks: MarksStore;
  readonly journal: JournalStore;
  readonly rows: RowSeals;
  readonly runners: ReadonlyMap<string, Runner>;
  /** See `AdmitContext`. */
  readonly refusing: () => string | null;
  readonly hostRefuses?: HostRefuses | undefined;
  readonly dispatch: (message: DispatchMessage) => void;
  /** Called after assignments changed on disk. */
  readonly onAssignments: () => void;
  /** Called after another request to upgrade is on disk. */
  readonly onUpgrade: () => void;
  readonly credit: () => Credit;
  readonly newId: () => string;
  /** Milliseconds since the epoch, by the agent's clock and by the hub's. */
  readonly now: () => number;
  readonly hubNow: () => number;
  readonly passPoint: (point: ActionPoint) => void;
  readonly log: Logger;
}

const none: ReadonlyMap<string, string> = new Map();

export class ActionInbox implements Inbox<DownEntry> {
  readonly #options: InboxOptions;
  /** Takes go one after the other: each decides on what the last has written. */
  #last: Promise<unknown> = Promise.resolve();
  /** The mark that the last batch wrote; `null` when what is on disk is not certain. */
  #mark: { readonly epoch: string; readonly upTo: number } | null = null;

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  marks(epochs: readonly string[]): Promise<ReadonlyMap<string, number>> {
    return this.#options.marks.read(epochs);
  }

  take(epoch: string, mark: number, entries: readonly NumberedEntry<DownEntry>[]): Promise<TakeOutcome> {
    return this.#inTurn(() => this.#take(epoch, mark, entries));
  }

  gap(epoch: string, from: number, to: number, reason: string): Promise<void> {
    return this.#inTurn(async () => {
      const { append, marks, newId, now } = this.#options;
      const at = timestamp(now());
      const gap: AppendEntry = {
        id: newId(),
        at,
        kind: "link-gap",
        direction: "down",
        epoch,
        from,
        to,
        reason,
      };
      this.#mark = null;
      await append([gap], [marks.put(epoch, to)]);
    });
  }

  credit(): Credit {
    return this.#options.credit();
  }

  async #take(
    epoch: string,
    mark: number,
    entries: readonly NumberedEntry<DownEntry>[],
  ): Promise<TakeOutcome> {
    const { append, marks, journal, runners, passPoint, now, hubNow, log } = this.#options;
    const current =
      this.#mark?.epoch === epoch ? this.#mark.upTo : ((await marks.read([epoch])).get(epoch) ?? 0);
    if (current !== mark) return { taken: false, upTo: current };
    const upTo = entries.at(-1)?.last ?? mark;
    const { executions, packs, hasRequest, hasUpgrade } = namedIn(entries);
    // Most requests are of executions that nobody here has heard of.
    const old = executions.filter((execution) => journal.mayKnow(execution));
    const earlier = old.length === 0 ? none : await journal.earlierIds(old);
    const known = renamed(entries, earlier);
    const here = earlier.size === 0 ? old : namedIn(known).executions;
    const plan = planIntake(known, {
      journal,
      rows: this.#options.rows,
      runners,
      refusing: this.#options.refusing(),
      hostRefuses: this.#options.hostRefuses,
      outcome: (request) =>
        request.parameters_blob === undefined
          ? (runners.get(request.runner)?.outcome?.(request) ?? null)
          : null,
      hubNow: hubNow(),
      at: timestamp(now()),
      askedAs: earlier.size === 0 ? none : new Map([...earlier].map(([asked, id]) => [id, asked])),
      states: here.length === 0 ? new Map() : await journal.states(here),
      assignments: packs.length === 0 ? none : await this.#newestAssignments(packs),
      upgrade: hasUpgrade ? await this.#newestUpgrade() : "",
    });
    plan.ops.push(marks.put(epoch, upTo));
    if (hasRequest) passPoint("before-journal");
    if (plan.settled.length > 0) passPoint("before-result");
    this.#mark = null;
    await append(plan.updates, plan.ops);
    this.#mark = { epoch, upTo };
    for (const note of plan.notes) note();
    if (hasRequest) passPoint("after-accepted");
    if (plan.settled.length > 0) this.#settled(plan);
    // What is refused is settled without a line of the log, and it counts like all that is settled.
    if (hasRequest) journal.pruneIfOver(log);
    for (const entry of plan.unusable) log.error("an entry from the hub is of no use", entry);
    for (const message of plan.messages) this.#options.dispatch(message);
    if (plan.assignments.size > 0) this.#options.onAssignments();
    if (plan.upgrades.length > 0) this.#options.onUpgrade();
    return { taken: true, upTo };
  }

  #settled({ settled }: IntakePlan): void {
    const { passPoint, log } = this.#options;
    passPoint("after-result");
    for (const each of settled) log.info("execution settled", each);
  }

  async #newestAssignments(packs: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const rows = await readNow(
      this.#options.level,
      packs.map((pack) => agentKey(agentKeys.assignment, pack)),
    );
    const newest = new Map<string, string>();
    for (const [at, pack] of packs.entries()) {
      const row = rows[at];
      if (row !== undefined) newest.set(pack, assignmentId(row));
    }
    return newest;
  }

  async #newestUpgrade(): Promise<string> {
    const [row] = await readNow(this.#options.level, [wantedUpgrade]);
    return row === undefined ? "" : (JSON.parse(row) as UpgradeEntry).id;
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    // The failure belongs to the caller of this take; the next one starts from what is on disk.
    this.#last = turn.catch(() => {});
    return turn;
  }
}
