/** A dead letter as people see it: what was meant for an agent may hold secrets. */
import { isObject, type Json, type JsonObject } from "../../shared/json.ts";
import { type Catalogue, schemasOf } from "../packs/catalogue.ts";
import { mask, maskParameters } from "../secrets/mask.ts";
import type { DeadLetter } from "../store/port/history.ts";

const objectOf = (value: Json | undefined): JsonObject => (isObject(value) ? (value as JsonObject) : {});

/** Requests have their parameters masked as executions have; of an assignment's configuration only the names are shown. */
export function deadLetterView(catalogue: Catalogue, letter: DeadLetter): DeadLetter {
  const { entry } = letter;
  if (!isObject(entry)) return letter;
  // What is sealed, or opens it, is of no use to people.
  const { sealed, parameters_key: _, result_key: __, ...sent } = entry as JsonObject;
  if (sent.kind === "action-request") {
    const schemas = schemasOf(catalogue, String(sent.action));
    // One with secrets has masks in their place, whatever is registered now.
    const isKnown = schemas === null && sealed !== undefined;
    const shown = (name: string) =>
      sent[name] === undefined || isKnown ? {} : { [name]: maskParameters(schemas, objectOf(sent[name])) };
    return { ...letter, entry: { ...sent, ...shown("parameters"), ...shown("runner_parameters") } };
  }
  if (sent.kind === "assignment") {
    // Datastore keys are replaced by what they hold: the schema alone does not say what is secret.
    const names = Object.keys(objectOf(sent.config)).map((name): [string, Json] => [name, mask]);
    return { ...letter, entry: { ...sent, config: Object.fromEntries(names) } };
  }
  if (sealed !== undefined) return { ...letter, entry: { ...sent, result: mask } };
  return letter;
}
