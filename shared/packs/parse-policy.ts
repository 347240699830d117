/** policies/*.yaml (st2 docs, Policies). */
import type { Json, JsonObject } from "../json.ts";
import type { PolicyDefinition } from "../model/policy.ts";
import { formatRef, parseRef } from "../ref.ts";
import { checkFields, compileFields, nameField, shown, withoutEmpty } from "./fields.ts";
import { belongsToPack } from "./ownership.ts";
import type { Metadata } from "./pack-file.ts";

const text = { type: "string" };

const check = compileFields({
  type: "object",
  required: ["name", "resource_ref", "policy_type"],
  additionalProperties: false,
  properties: {
    name: nameField,
    pack: text,
    ref: text,
    uid: text,
    id: text,
    description: text,
    enabled: { type: "boolean" },
    resource_ref: { ...text, fix: "write the action's ref: pack.action" },
    policy_type: { type: "string", enum: ["action.concurrency", "action.concurrency.attr", "action.retry"] },
    parameters: { type: "object" },
  },
});

const threshold = { type: "integer", minimum: 1, fix: "write how many may run at once" };
const action = { type: "string", enum: ["delay", "cancel"] };

const parametersOf = {
  "action.concurrency": compileFields({
    type: "object",
    required: ["threshold"],
    additionalProperties: false,
    properties: { threshold, action },
  }),
  "action.concurrency.attr": compileFields({
    type: "object",
    required: ["threshold", "attributes"],
    additionalProperties: false,
    properties: {
      threshold,
      action,
      attributes: { type: "array", items: text, minItems: 1, fix: "name parameters of the action" },
    },
  }),
  "action.retry": compileFields({
    type: "object",
    required: ["retry_on"],
    additionalProperties: false,
    properties: {
      retry_on: { type: "string", enum: ["failure", "timeout"] },
      max_retry_count: { type: "integer", minimum: 1, maximum: 5, fix: "write 1 to 5" },
      delay: { type: "number", minimum: 0, maximum: 120, fix: "write 0 to 120 seconds" },
    },
  }),
} as const;

/** The policy, or `null` after reporting what is wrong. */
export function parsePolicy(metadata: Metadata): PolicyDefinition | null {
  const given = withoutEmpty(metadata.value);
  if (!checkFields(check, metadata, { code: "PACK_FIELD", value: given })) return null;
  const policy = given as Record<string, Json>;
  if (!belongsToPack(metadata, [], policy.pack)) return null;
  const resource = policy.resource_ref as string;
  if (parseRef(resource) === null) {
    metadata.report({
      code: "PACK_FIELD",
      severity: "error",
      message: `'resource_ref' may not be ${shown(resource)}`,
      where: metadata.at(["resource_ref"]),
      hint: "write the action's ref: pack.action",
    });
    return null;
  }
  const type = policy.policy_type as PolicyDefinition["policy_type"];
  const parameters = withoutEmpty(policy.parameters ?? {}) as JsonObject;
  const options = { code: "PACK_FIELD", base: ["parameters"], value: parameters } as const;
  if (!checkFields(parametersOf[type], metadata, options)) return null;
  const name = policy.name as string;
  return {
    ref: formatRef(metadata.pack, name),
    pack: metadata.pack,
    name,
    description: (policy.description as string | undefined) ?? "",
    enabled: (policy.enabled as boolean | undefined) ?? true,
    resource_ref: resource,
    policy_type: type,
    parameters:
      type === "action.retry"
        ? { max_retry_count: 2, delay: 0, ...parameters }
        : { action: "delay", ...parameters },
  } as PolicyDefinition;
}
