/** Remembers with which version and configuration each sensor last became ready on this agent. */
import type { JsonObject } from "../../shared/json.ts";
import type { Database } from "../../shared/storage/database-store.ts";
import { agentKey, agentKeys, agentRange } from "../store/keys.ts";
import type { DesiredSensor } from "./desired-sensor.ts";

export interface Proven {
  /** `pack.ClassName` */
  readonly sensor: string;
  readonly pack: string;
  /** Of the pack's version. */
  readonly digest: string;
  /** The effective one. */
  readonly config: JsonObject;
}

export class ProvenStore {
  readonly #database: Pick<Database, "level" | "committer">;

  constructor(database: Pick<Database, "level" | "committer">) {
    this.#database = database;
  }

  /** Resolves once on disk; replaces what was recorded for this sensor. */
  async record({ definition, packDigest, config }: DesiredSensor): Promise<void> {
    const { ref: sensor, pack } = definition;
    const row: Proven = { sensor, pack, digest: packDigest, config };
    const value = JSON.stringify(row);
    await this.#database.committer.commit({
      ops: [{ type: "put", key: agentKey(agentKeys.proven, sensor), value }],
      bytes: value.length,
      source: sensor,
    });
  }

  async forget(sensors: readonly string[]): Promise<void> {
    if (sensors.length === 0) return;
    await this.#database.committer.commit({
      ops: sensors.map((sensor) => ({ type: "del" as const, key: agentKey(agentKeys.proven, sensor) })),
      bytes: sensors.length * 64,
      source: agentKeys.proven,
    });
  }

  async all(): Promise<readonly Proven[]> {
    const rows = await this.#database.level.values(agentRange(agentKeys.proven)).all();
    return rows.map((row) => JSON.parse(row) as Proven);
  }
}
