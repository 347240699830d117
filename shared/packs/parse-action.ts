/** actions/*.yaml: what can be run, by which runner, with which parameters (st2 docs, Actions). */
import { isDeepStrictEqual } from "node:util";
import { isObject, type Json, type JsonObject } from "../json.ts";
import type { ActionDefinition, ActionNotify } from "../model/action.ts";
import type { ParameterSchemas } from "../model/pack.ts";
import { formatRef } from "../ref.ts";
import { checkFields, compileFields, nameField, withoutEmpty } from "./fields.ts";
import { belongsToPack, hasEntryPoint } from "./ownership.ts";
import type { Metadata, PackFile } from "./pack-file.ts";
import { readableSchemas, readParameterSchemas } from "./parameter-schema.ts";
import { findRunner, type Runner, runners } from "./runners.ts";

const text = { type: "string" };

const names = { type: "array", items: text } as const;
/** `channels` is StackStorm's old name of `routes`. */
const notification = {
  type: "object",
  additionalProperties: false,
  properties: { message: text, data: { type: "object" }, routes: names, channels: names },
} as const;

const check = compileFields({
  type: "object",
  required: ["name", "runner_type"],
  additionalProperties: false,
  properties: {
    name: nameField,
    pack: text,
    description: text,
    enabled: { type: "boolean" },
    runner_type: text,
    entry_point: text,
    parameters: { type: "object" },
    output_schema: { type: "object" },
    notify: {
      type: "object",
      additionalProperties: false,
      properties: {
        "on-complete": notification,
        "on-success": notification,
        "on-failure": notification,
      },
    },
    tags: { type: "array" },
    idempotent: { type: "boolean" },
    id: text,
    ref: text,
    uid: text,
    metadata_file: text,
  },
});

/** The runner, `null` for one that Petrel has not (a warning), `undefined` for none at all (PACK_RUNNER). */
function readRunner(metadata: Metadata, name: string): Runner | null | undefined {
  const found = findRunner(name);
  if (found.kind === "known") return found.runner;
  const known = [...runners.keys()].join(", ");
  if (found.kind === "missing") {
    metadata.report({
      code: "PACK_RUNNER",
      severity: "warning",
      message: `the runner ${name} is not supported yet: this action fails when it is run`,
      where: metadata.at(["runner_type"]),
      hint: `runners there are: ${known}`,
    });
    return null;
  }
  metadata.report({
    code: "PACK_RUNNER",
    severity: "error",
    message: `there is no runner '${name}'`,
    where: metadata.at(["runner_type"]),
    hint: found.nearest === null ? `one of: ${known}` : `write '${found.nearest}'`,
  });
  return undefined;
}

/** What an action may say anew about a parameter of its runner. */
const overridable = new Set(["default", "description", "enum", "immutable", "required"]);

/** Rules that no JSON schema can say: st2 docs, Actions, "Overriding Runner Parameters" and `position`. */
function checkAgainstRunner(
  metadata: Metadata,
  parameters: ParameterSchemas,
  runner: Runner | null,
): boolean {
  let ok = true;
  const refuse = (path: readonly string[], message: string, hint: string): void => {
    ok = false;
    const where = metadata.at(["parameters", ...path]);
    metadata.report({ code: "PACK_PARAMETER", severity: "error", message, where, hint });
  };
  const own = runner?.parameters ?? {};
  for (const [name, schema] of Object.entries(parameters)) {
    const inherited = own[name];
    if (schema.immutable === true && schema.default === undefined && inherited?.default === undefined) {
      refuse([name, "immutable"], `'${name}' is immutable, but has no default`, `add 'default:' to ${name}`);
    }
    for (const [keyword, value] of Object.entries(inherited === undefined ? {} : schema)) {
      const before = inherited?.[keyword];
      if (overridable.has(keyword) || before === undefined || isDeepStrictEqual(before, value)) continue;
      const hint = `remove '${keyword}'; ${[...overridable].join(", ")} may be changed`;
      refuse([name, keyword], `'${name}' belongs to the runner: its ${keyword} may not differ`, hint);
    }
  }
  return checkPositions(parameters, refuse) && ok;
}

function checkPositions(
  parameters: ParameterSchemas,
  refuse: (path: readonly string[], message: string, hint: string) => void,
): boolean {
  const placed = Object.entries(parameters)
    .flatMap(([name, { position }]) => (position === undefined ? [] : [{ name, position }]))
    .sort((a, b) => a.position - b.position);
  let ok = true;
  for (const [index, { name, position }] of placed.entries()) {
    const before = placed[index - 1];
    if (before === undefined || position === before.position + 1) continue;
    ok = false;
    const message =
      position === before.position
        ? `'${before.name}' and '${name}' have the same position ${position}`
        : `no parameter has position ${before.position + 1}, between '${before.name}' and '${name}'`;
    refuse([name, "position"], message, `write 'position: ${before.position + 1}'`);
  }
  return ok;
}

interface GivenNotification {
  readonly message?: string;
  readonly data?: JsonObject;
  readonly routes?: readonly string[];
  readonly channels?: readonly string[];
}

function readNotify(given: Readonly<Record<string, GivenNotification>>): ActionNotify {
  return Object.fromEntries(
    Object.entries(given).map(([when, { message = null, data = {}, routes, channels }]) => [
      when,
      { message, data, routes: routes ?? channels ?? [] },
    ]),
  );
}

/** The action, or `null` after reporting what is wrong. */
export function parseAction(
  metadata: Metadata,
  files: ReadonlyMap<string, PackFile>,
): ActionDefinition | null {
  const fieldsOk = checkFields(check, metadata, { code: "PACK_FIELD" });
  const action = (isObject(metadata.value) ? withoutEmpty(metadata.value) : {}) as Record<string, Json>;
  const { name, runner_type: runnerType, entry_point: entryPoint = "" } = action;
  const owned = belongsToPack(metadata, [], action.pack);
  const runner = typeof runnerType === "string" ? readRunner(metadata, runnerType) : undefined;
  const given = action.parameters ?? null;
  // A wrong type of the field itself has been told.
  const readable = given === null || isObject(given);
  const parameters = readable ? readParameterSchemas(metadata, ["parameters"], given) : null;
  const fitting = checkAgainstRunner(metadata, parameters ?? readableSchemas(given), runner ?? null);
  const parametersOk = parameters !== null && fitting;
  const entryOk = typeof entryPoint === "string" && checkEntryPoint(metadata, runner, entryPoint, files);
  if (!fieldsOk || !owned || runner === undefined || !parametersOk || !entryOk) return null;
  return {
    ref: formatRef(metadata.pack, name as string),
    pack: metadata.pack,
    name: name as string,
    description: (action.description as string | undefined) ?? "",
    enabled: (action.enabled as boolean | undefined) ?? true,
    runner_type: runner?.name ?? (runnerType as string),
    entry_point: entryPoint,
    parameters,
    output_schema: (action.output_schema as JsonObject | undefined) ?? null,
    idempotent: (action.idempotent as boolean | undefined) ?? false,
    tags: (action.tags as Json[] | undefined) ?? [],
    ...(isObject(action.notify) && {
      notify: readNotify(action.notify as Record<string, GivenNotification>),
    }),
  };
}

function checkEntryPoint(
  metadata: Metadata,
  runner: Runner | null | undefined,
  entryPoint: string,
  files: ReadonlyMap<string, PackFile>,
): boolean {
  // What a runner does with its entry point is only known of runners that are.
  if (runner === null || runner === undefined) return true;
  if (entryPoint === "") {
    if (runner.entryPoint === "none") return true;
    metadata.report({
      code: "PACK_ENTRY_POINT",
      severity: "error",
      message: `the runner ${runner.name} needs an entry point`,
      where: metadata.at(["runner_type"]),
      hint: "add 'entry_point: FILE', relative to actions/",
    });
    return false;
  }
  if (runner.entryPoint === "none") return true;
  return hasEntryPoint(metadata, "actions", entryPoint, [...files.keys()]);
}
