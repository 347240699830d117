/** The pack that the load uses: 20 trigger types, 1,000 rules, a no-op action; each trigger matches one rule. */

export const triggerTypes = 20;
export const rules = 1_000;
const perType = rules / triggerTypes;

interface FleetFile {
  readonly path: string;
  readonly content: string;
}

const parameters = { seq: { type: "integer", required: true } };

/** The files as the API takes them. YAML takes JSON as it is. */
export function fleetPack(): readonly FleetFile[] {
  const files = new Map<string, unknown>([
    ["pack.yaml", { ref: "load", name: "load", version: "1.0.0", description: "Load", author: "Petrel" }],
    ["actions/touch.yaml", { name: "touch", runner_type: "noop", enabled: true, parameters }],
    [
      "sensors/source.yaml",
      {
        class_name: "Source",
        entry_point: "source.ts",
        enabled: false,
        trigger_types: Array.from({ length: triggerTypes }, (_, type) => ({
          name: `changed_${type}`,
          payload_schema: { type: "object" },
        })),
      },
    ],
  ]);
  for (let n = 0; n < rules; n++) {
    files.set(`rules/rule_${n}.yaml`, {
      name: `rule_${n}`,
      enabled: true,
      trigger: { type: `load.changed_${n % triggerTypes}` },
      criteria: {
        "trigger.kind": { type: "equals", pattern: `kind-${Math.floor(n / triggerTypes)}` },
        "trigger.path": { type: "matchregex", pattern: "^/srv/[a-z]+/file-\\d+$" },
        "trigger.size": { type: "greaterthan", pattern: 1000 },
      },
      action: { ref: "load.touch", parameters: { seq: "{{ trigger.seq }}" } },
    });
  }
  const yaml = [...files].map(([path, value]) => ({ path, text: JSON.stringify(value) }));
  const source = { path: "sensors/source.ts", text: "export class Source {}\n" };
  return [...yaml, source].map(({ path, text }) => ({
    path,
    content: Buffer.from(text).toString("base64"),
  }));
}

/** Trigger number `n`: some 300 bytes, for one rule. */
export function triggerOf(n: number) {
  return {
    trigger: `load.changed_${n % triggerTypes}`,
    payload: {
      seq: n,
      kind: `kind-${Math.floor(n / triggerTypes) % perType}`,
      path: `/srv/web/file-${n}`,
      size: 2_000 + (n % 1_000),
      status: "modified",
      owner: "www-data",
      digest: "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
      text: "x".repeat(80),
    },
  };
}
