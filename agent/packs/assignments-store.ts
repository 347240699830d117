/** Which packs this agent shall run, as the hub assigned them, and which of them it has carried out. */
import type { StoreOp } from "../../shared/storage/committer-store.ts";
import type { Database } from "../../shared/storage/database-store.ts";
import type { AssignmentEntry } from "../../shared/wire/messages.ts";
import { agentKey, agentKeys, agentRange } from "../store/keys.ts";
import { assignmentIn, assignmentRow, type RowSeals } from "../store/row-seals.ts";

/** An assignment of a version, not of none. */
export type PackAssignment = AssignmentEntry & { readonly digest: string };

export class AssignmentsStore {
  readonly #database: Pick<Database, "level" | "committer">;

  readonly #rows: RowSeals;

  constructor(database: Pick<Database, "level" | "committer">, rows: RowSeals) {
    this.#database = database;
    this.#rows = rows;
  }

  /** The newest assignment of each pack that is to run. */
  async assigned(): Promise<readonly PackAssignment[]> {
    return (await this.#read(agentKeys.assignment)).filter(hasVersion);
  }

  /** What ran last, by pack: the way back while a newer version cannot be had. */
  async applied(): Promise<ReadonlyMap<string, PackAssignment>> {
    const rows = (await this.#read(agentKeys.applied)).filter(hasVersion);
    return new Map(rows.map((assignment) => [assignment.pack, assignment]));
  }

  /** What holds for this version: its own assignment, new or carried out, else the newest one of its pack. */
  async forVersion(ref: string, digest: string): Promise<PackAssignment | null> {
    const keys = [agentKeys.assignment, agentKeys.applied].map((prefix) => agentKey(prefix, ref));
    const rows = (await this.#database.level.getMany(keys)).filter((row) => row !== undefined);
    const known = rows.map((row) => assignmentIn(row, this.#rows)).filter(hasVersion);
    return known.find((assignment) => assignment.digest === digest) ?? known[0] ?? null;
  }

  /** Replaces what `applied` answers, where it differs; resolves once on disk. */
  async saveApplied(now: readonly PackAssignment[]): Promise<void> {
    const before = await this.applied();
    const kept = new Set(now.map(({ pack }) => pack));
    const gone = [...before.keys()].filter((pack) => !kept.has(pack));
    const changed = now.filter(({ pack, id }) => before.get(pack)?.id !== id);
    const ops: StoreOp[] = [
      ...gone.map((pack): StoreOp => ({ type: "del", key: agentKey(agentKeys.applied, pack) })),
      ...changed.map(
        (assignment): StoreOp => ({
          type: "put",
          key: agentKey(agentKeys.applied, assignment.pack),
          value: assignmentRow(assignment, this.#rows),
        }),
      ),
    ];
    if (ops.length === 0) return;
    const bytes = ops.reduce((sum, op) => sum + (op.type === "put" ? op.value.length : 64), 0);
    await this.#database.committer.commit({ ops, bytes, source: agentKeys.applied });
  }

  async #read(prefix: string): Promise<readonly AssignmentEntry[]> {
    const rows = await this.#database.level.values(agentRange(prefix)).all();
    return rows.map((row) => assignmentIn(row, this.#rows));
  }
}

function hasVersion(assignment: AssignmentEntry): assignment is PackAssignment {
  return assignment.digest !== null;
}
