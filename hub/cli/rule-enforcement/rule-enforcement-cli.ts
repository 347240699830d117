/** `petrel rule-enforcement list | get` */
import type { Enforcement } from "../../../shared/model/rule.ts";
import type { NounCommands } from "../context-cli.ts";
import { ago } from "../relative-time.ts";
import { asIs, getVerb, listVerb } from "../verbs-cli.ts";

const path = "/v1/rule-enforcements";

export const ruleEnforcementCommands: NounCommands = (noun, context) => {
  listVerb<Enforcement, Enforcement>(noun, context, {
    path,
    description: "list which rules fired, newest first",
    history: true,
    example: "petrel rule-enforcement list --rule mypack.on_change",
    filters: [
      ["--rule <ref>", "only of this rule"],
      ["--trigger-instance <id>", "only for this trigger instance"],
      ["--status <status>", "succeeded, failed or throttled"],
      ["--digest <id>", "only what was held back for this digest"],
    ],
    row: asIs,
    columns: [
      { header: "ID", value: (enforcement) => enforcement.id },
      { header: "RULE", value: (enforcement) => enforcement.rule },
      { header: "TRIGGER INSTANCE", value: (enforcement) => enforcement.trigger_instance },
      { header: "WHEN", value: (enforcement, now) => ago(enforcement.enforced_at, now) },
      {
        header: "STATUS",
        value: ({ status, shadow }) => (shadow ? `${status} (shadow)` : status),
      },
      {
        header: "EXECUTIONS",
        value: cameOfIt,
        cut: true,
      },
    ],
  });
  getVerb<Enforcement>(noun, context, {
    path,
    argument: "id",
    description: "show one of them",
    example: "petrel rule-enforcement get 01JQ8ZK4T6V8X0A2C4E6G8J0M2",
  });
};

function cameOfIt({ executions, failure_reason, throttle, digest }: Enforcement): string {
  if (throttle !== undefined) return `held back for ${throttle.digest}`;
  const told = digest === undefined ? "" : `digest of ${digest.count}: `;
  return `${told}${failure_reason ?? executions.join(" ")}`;
}
