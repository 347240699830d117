/** Remembers the process groups of running sensors, so that those which outlive a killed agent can be ended. */
import type { Database } from "../../shared/storage/database-store.ts";
import type { ProcessGroup } from "../actions/journal.ts";
import { agentKey, agentKeys, agentRange } from "../store/keys.ts";

export class SensorGroups {
  readonly #database: Pick<Database, "level" | "committer">;

  constructor(database: Pick<Database, "level" | "committer">) {
    this.#database = database;
  }

  /** Resolves once on disk; replaces what was recorded for this sensor. */
  async record(sensor: string, group: ProcessGroup): Promise<void> {
    const value = JSON.stringify(group);
    await this.#database.committer.commit({
      ops: [{ type: "put", key: agentKey(agentKeys.sensorGroup, sensor), value }],
      bytes: value.length,
      source: sensor,
    });
  }

  async forget(sensor: string): Promise<void> {
    await this.#database.committer.commit({
      ops: [{ type: "del", key: agentKey(agentKeys.sensorGroup, sensor) }],
      bytes: sensor.length,
      source: sensor,
    });
  }

  async all(): Promise<readonly { readonly sensor: string; readonly group: ProcessGroup }[]> {
    const found: { sensor: string; group: ProcessGroup }[] = [];
    const range = agentRange(agentKeys.sensorGroup);
    for await (const [key, value] of this.#database.level.iterator(range)) {
      found.push({ sensor: key.slice(range.gt.length), group: JSON.parse(value) as ProcessGroup });
    }
    return found;
  }
}
