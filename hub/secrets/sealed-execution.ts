/** What is secret in an execution and in its request: encrypted as they are made, opened where it is used. Pure. */
import { isPetrelError, PetrelError } from "../../shared/errors.ts";
import type { Json, JsonObject } from "../../shared/json.ts";
import type { ActionDefinition } from "../../shared/model/action.ts";
import type { Execution, LeftOut, SealedFields } from "../../shared/model/execution.ts";
import type { ParameterSchemas } from "../../shared/model/pack.ts";
import { actionParameters } from "../../shared/packs/action-parameters.ts";
import type { SecretPart } from "../../shared/wire/messages.ts";
import {
  type Divided,
  divideParameters,
  divideResult,
  mask,
  maskLateResult,
  maskParameters,
  maskResult,
  masksIn,
  namesSecret,
  type Taken,
} from "./mask.ts";
import { withoutQuotes } from "./quoted.ts";
import type { Sealer } from "./sealer.ts";
import { united } from "./united.ts";

/** What an action has that is secret. */
interface ActionSecrets {
  /** `null`: nothing it takes is. */
  readonly parameters: ParameterSchemas | null;
  /** Its `output_schema`; `null`: nothing in it is. */
  readonly output: JsonObject | null;
}

/** Once per registered action: most have none, and their executions are not looked through. */
const known = new WeakMap<ActionDefinition, ActionSecrets>();

function secretsOf(definition: ActionDefinition): ActionSecrets {
  const before = known.get(definition);
  if (before !== undefined) return before;
  const parameters = actionParameters(definition);
  const { output_schema } = definition;
  const found: ActionSecrets = {
    parameters: namesSecret(parameters) ? parameters : null,
    output: output_schema !== null && namesSecret(output_schema) ? (output_schema as JsonObject) : null,
  };
  known.set(definition, found);
  return found;
}

type Field = Exclude<keyof SealedFields, "output" | "left_out">;

/** Where a sealed field belongs. */
export const placeOf = (id: string, field: Field) => `execution/${id}/${field}`;

/** Shared by all that have nothing secret. */
const nothing: SealedFields = {};

/** Parameters as a new execution keeps them, and what it says of its secrets. Throws KEY_FILE. */
export function sealedParameters(
  definition: ActionDefinition,
  id: string,
  parameters: JsonObject,
  sealer: Sealer,
): { readonly parameters: JsonObject; readonly sealed: SealedFields } {
  const secrets = secretsOf(definition);
  const result = secrets.output === null ? nothing : { output: secrets.output };
  if (secrets.parameters === null) return { parameters, sealed: result };
  const { shown, taken } = withoutQuotes(divideParameters(secrets.parameters, parameters));
  if (taken.length === 0) return { parameters, sealed: result };
  const sealed = sealer.seal(placeOf(id, "parameters"), JSON.stringify(taken));
  return { parameters: shown, sealed: { ...result, parameters: sealed } };
}

/** Parameters as its action gets them. Throws KEY_FILE, KEY_UNREADABLE. */
export function openedParameters(
  { id, parameters, sealed }: Pick<Execution, "id" | "parameters" | "sealed">,
  sealer: Sealer,
): JsonObject {
  if (sealed?.parameters === undefined) return parameters;
  return united<JsonObject>({
    shown: parameters,
    taken: takenFrom(sealer, id, "parameters", sealed.parameters),
  });
}

/**
 * PARAMETER_INVALID for parameters of an earlier execution whose secrets could not be kept, so that masks stand in their
 * place: an action would be told the mask.
 */
export function refuseMasks(definition: ActionDefinition, parameters: JsonObject): void {
  const masks = masksIn(actionParameters(definition), parameters);
  if (masks.length === 0) return;
  throw new PetrelError(
    "PARAMETER_INVALID",
    `secrets of the earlier execution are lost: ${masks.join(", ")}`,
    {
      where: masks[0] ?? "",
      hint: "give them again: `petrel execution re-run ID NAME=VALUE`",
    },
  );
}

function takenFrom(sealer: Sealer, id: string, field: Field, sealed: string): Taken {
  return JSON.parse(sealer.open(placeOf(id, field), sealed)) as Taken;
}

/** `left_out`: what is masked in it and kept nowhere, and why. */
type Shown<T> = Omit<T, "sealed"> & { readonly left_out?: readonly LeftOut[] };

/** As people may see it: without what is sealed, and with what `action` calls secret now masked as well. */
export function shownExecution<
  T extends Pick<Execution, "runner" | "parameters" | "result" | "late_result" | "sealed">,
>({ sealed, ...execution }: T, action: ActionDefinition | undefined): Shown<T> {
  const { parameters, result, late_result } = execution;
  const output = outputOf({ runner: execution.runner, ...(sealed !== undefined && { sealed }) }, action);
  const schemas = action === undefined ? null : actionParameters(action);
  const isKnown = schemas === null && sealed !== undefined;
  return {
    ...execution,
    parameters: isKnown ? parameters : maskParameters(schemas, parameters),
    // Also one that came in a blob, which is whole.
    result: output === null ? masked(result) : maskResult(output, result),
    late_result: output === null ? masked(late_result) : maskLateResult(output, late_result),
    ...(sealed?.left_out !== undefined && { left_out: sealed.left_out }),
  };
}

/** What says which parts of its result are secret; `null`: nobody can tell any more. */
export function outputOf(
  { runner, sealed }: Pick<Execution, "runner" | "sealed">,
  action: ActionDefinition | undefined,
): Output | null {
  if (action !== undefined) return action;
  // An earlier version made it, which wrote nothing down.
  return sealed === undefined ? null : { output_schema: sealed.output ?? null, runner_type: runner };
}

const masked = (value: Json): Json => (value === null ? null : mask);

const noSecrets = {};

/** What the request of an execution says to the agent about secrets; absent when there are none. */
export function secretParts({ parameters, output }: SealedFields): {
  readonly secret?: readonly SecretPart[];
} {
  if (parameters === undefined && output === undefined) return noSecrets;
  const secret: SecretPart[] = [];
  if (parameters !== undefined) secret.push("parameters");
  if (output !== undefined) secret.push("result");
  return { secret };
}

/**
 * An execution that just got a result, with what is secret in it encrypted. `before`: as it was. What is secret was
 * written down when it was made, whatever is registered now. `key`: to the blob that the result is in.
 */
export function withSealedResult(
  before: Execution,
  told: Execution,
  sealer: Sealer,
  key: string | undefined,
): Execution {
  const now = key === undefined ? told : withBlobKey(before, told, sealer, key);
  const { sealed, runner } = now;
  if (sealed?.output === undefined) return now;
  const action = { output_schema: sealed.output, runner_type: runner };
  let next = now;
  if (now.result !== before.result) {
    const { shown, taken } = divideResult(action, now.result);
    next = { ...next, result: shown, sealed: withTaken(next, "result", taken, sealer) };
  }
  if (now.late_result !== before.late_result) {
    const { shown, taken } = dividedLate(action, now.late_result);
    next = { ...next, late_result: shown, sealed: withTaken(next, "late_result", taken, sealer) };
  }
  return next;
}

function withBlobKey(before: Execution, now: Execution, sealer: Sealer, key: string): Execution {
  const isLate = now.late_result !== before.late_result;
  if (!isLate && now.result_blob === before.result_blob) return now;
  const field = isLate ? "late_result" : "result";
  return { ...now, sealed: withSealed(now, { field, what: "whole" }, `${field}_key`, key, sealer) };
}

/** The key to the blob of a result; `undefined`: it is not encrypted. Throws KEY_FILE, KEY_UNREADABLE when it was not kept. */
export function blobKey(
  { id, sealed }: Pick<Execution, "id" | "sealed">,
  name: "result_key" | "late_result_key",
  sealer: Sealer,
): string | undefined {
  const kept = sealed?.[name];
  if (kept !== undefined) return sealer.open(placeOf(id, name), kept);
  const lost = sealed?.left_out?.find(({ field, what }) => what === "whole" && name === `${field}_key`);
  if (lost === undefined) return undefined;
  throw new PetrelError(
    "KEY_UNREADABLE",
    `the key to the result was not kept: ${lost.code}: ${lost.message}`,
    {
      hint: "the result is lost; run the action again",
    },
  );
}

type Output = Parameters<typeof divideResult>[0];

function dividedLate(action: Output, late: Json): Divided {
  const { result = null, ...rest } = late as { readonly [name: string]: Json };
  const { shown, taken } = divideResult(action, result);
  return { shown: { ...rest, result: shown }, taken };
}

function withTaken(now: Execution, field: LeftOut["field"], taken: Taken, sealer: Sealer): SealedFields {
  if (taken.length === 0) return now.sealed ?? nothing;
  return withSealed(now, { field, what: "secrets" }, field, JSON.stringify(taken), sealer);
}

/** What cannot be encrypted is left out, and that is said: how the action ended counts for more. */
function withSealed(
  { id, sealed }: Pick<Execution, "id" | "sealed">,
  part: Pick<LeftOut, "field" | "what">,
  name: Field,
  text: string,
  sealer: Sealer,
): SealedFields {
  try {
    return { ...sealed, [name]: sealer.seal(placeOf(id, name), text) };
  } catch (error) {
    return { ...sealed, left_out: [...(sealed?.left_out ?? []), leftOut(part, error)] };
  }
}

/** What is said of a part that could not be encrypted. */
export function leftOut(part: Pick<LeftOut, "field" | "what">, error: unknown): LeftOut {
  const code = isPetrelError(error) ? error.code : "INTERNAL";
  return { ...part, code, message: error instanceof Error ? error.message : String(error) };
}

/** The parameters of one execution for another record. */
export function resealed(
  from: Pick<Execution, "id" | "parameters" | "sealed">,
  id: string,
  sealer: Sealer,
): SealedFields | undefined {
  const { sealed } = from;
  if (sealed === undefined) return undefined;
  const { output, parameters } = sealed;
  const kept = output === undefined ? nothing : { output };
  if (parameters === undefined) return kept;
  try {
    const text = sealer.open(placeOf(from.id, "parameters"), parameters);
    return { ...kept, parameters: sealer.seal(placeOf(id, "parameters"), text) };
  } catch {
    // The copy is no more than a note that something was not done.
    return kept;
  }
}
