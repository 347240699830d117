/** Everything that a refused input must leave as it was. */
import type { JsonObject } from "../../shared/json.ts";
import type { TestHub } from "./fleet.ts";

const lists = [
  "packs",
  "rules",
  "actions",
  "trigger-types",
  "trigger-instances",
  "rule-enforcements",
  "executions",
  "dead-letters",
  "gaps",
];

/** Every record of every list, and the version of the rules. Agents and sensors live on by themselves. */
export async function hubState(hub: Pick<TestHub, "api" | "all">): Promise<JsonObject> {
  const { rule_set_version, packs, rules, pending_instances, dead_letters } = await hub.api<JsonObject>(
    "GET",
    "/v1/hub",
  );
  const records: Record<string, JsonObject[]> = {};
  for (const name of lists) records[name] = [...(await hub.all<JsonObject>(`/v1/${name}`))];
  return {
    counts: { rule_set_version, packs, rules, pending_instances, dead_letters } as JsonObject,
    ...records,
  };
}
