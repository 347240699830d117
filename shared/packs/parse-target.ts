/** `action.target`: where a rule's action runs. */
import type { Json } from "../json.ts";
import type { ActionTarget } from "../model/rule.ts";
import { checkFields, compileFields, shown, withoutEmpty } from "./fields.ts";
import type { Metadata } from "./pack-file.ts";

const text = { type: "string" };

/** Labels that an agent must have. */
export const labelsSchema = {
  type: "object",
  additionalProperties: text,
  minProperties: 1,
  fix: "write {labels: {role: web}}",
};

const checkTarget = compileFields({
  type: "object",
  additionalProperties: false,
  properties: {
    host: { ...text, minLength: 1, fix: "write the host's name, or a template" },
    labels: labelsSchema,
    mode: { type: "string", enum: ["all", "any"] },
    limit: { type: "integer", minimum: 1, fix: "write how many agents at most" },
    batch: { type: "integer", minimum: 1, fix: "write how many agents at once" },
    canary: { type: "integer", minimum: 0, fix: "write how many agents go first, alone" },
    max_failures: { type: "integer", minimum: 0, fix: "write how many may fail before no more are started" },
  },
});

/** Reports RULE_INVALID at `path`; always false. */
export function refuseRule(
  metadata: Metadata,
  path: readonly string[],
  message: string,
  hint: string,
): false {
  metadata.report({ code: "RULE_INVALID", severity: "error", message, where: metadata.at(path), hint });
  return false;
}

/** `undefined` when the rule names none; `null` after reporting RULE_INVALID. */
export function readTarget(metadata: Metadata, target: Json | undefined): ActionTarget | undefined | null {
  if (target === undefined) return undefined;
  const path = ["action", "target"];
  if (target === "origin" || target === "hub") return target;
  const hint = "write origin, hub, {host: NAME} or {labels: {role: web}, mode: all}";
  if (typeof target === "string") {
    refuseRule(metadata, path, `the target ${shown(target)} is none`, hint);
    return null;
  }
  if (!checkFields(checkTarget, metadata, { code: "RULE_INVALID", base: path, value: target })) return null;
  const {
    host,
    labels: wanted,
    mode,
    limit,
    ...rollOut
  } = withoutEmpty(target) as Readonly<Record<string, Json>>;
  if ((host === undefined) === (wanted === undefined)) {
    refuseRule(metadata, path, "the target needs either 'host' or 'labels'", hint);
    return null;
  }
  if (host !== undefined) {
    const isPlain = mode === undefined && limit === undefined && Object.keys(rollOut).length === 0;
    if (isPlain) return { host: host as string };
    const names = "'mode', 'limit', 'batch', 'canary' and 'max_failures'";
    refuseRule(metadata, path, `${names} belong to 'labels'`, "remove them: a host is one agent");
    return null;
  }
  return {
    labels: wanted as Record<string, string>,
    ...(mode !== undefined && { mode: mode as "all" | "any" }),
    ...(limit !== undefined && { limit: limit as number }),
    ...(rollOut as { batch?: number; canary?: number; max_failures?: number }),
  };
}
