/**
 * Configuration that names datastore keys: texts of what an operator configures are templates over `st2kv` (st2 docs,
 * Pack configuration: Dynamic configuration values). Pure.
 */
import { isPetrelError, PetrelError } from "../../shared/errors.ts";
import { datastoreContext, type TemplateKeys } from "../../shared/expressions/datastore-lookup.ts";
import { compileTemplate, isTemplate } from "../../shared/expressions/template.ts";
import { isObject, type Json, type JsonObject } from "../../shared/json.ts";
import type { ParameterSchema, ParameterSchemas } from "../../shared/model/pack.ts";
import { itemSchema, memberSchema } from "../../shared/packs/inner-schema.ts";
import { sealedParts } from "../../shared/sealed-text.ts";

type Path = readonly (string | number)[];

/** Whether anything in it has to be rendered. */
export function isDynamic(config: Json): boolean {
  if (typeof config === "string") return isTemplate(config);
  if (Array.isArray(config)) return config.some(isDynamic);
  return isObject(config) && Object.values(config as JsonObject).some(isDynamic);
}

/**
 * With every template replaced by its text; an empty one becomes null, so that what is below counts. A secret of the
 * datastore is decrypted where the schema says `secret`, and elsewhere by `decrypt_kv`. Throws PACK_CONFIG that names
 * the attribute.
 */
export function renderedConfig(
  schemas: ParameterSchemas,
  config: JsonObject,
  keys: TemplateKeys,
): JsonObject {
  if (!isDynamic(config)) return config;
  const scope = { st2kv: datastoreContext(keys) };
  const render = (value: Json, schema: ParameterSchema | undefined, path: Path): Json => {
    if (typeof value === "string") return isTemplate(value) ? text(value, schema, path) : value;
    if (Array.isArray(value))
      return value.map((item: Json, at) => render(item, itemSchema(schema, at), [...path, at]));
    return isObject(value) ? object(value as JsonObject, schema, path) : value;
  };
  const object = (values: JsonObject, schema: ParameterSchema | undefined, path: Path): JsonObject =>
    Object.fromEntries(
      Object.entries(values).map(([name, value]) => [
        name,
        render(value, memberSchema(schema, name), [...path, name]),
      ]),
    );
  const text = (source: string, schema: ParameterSchema | undefined, path: Path): Json => {
    const isSecret = schema?.secret === true || source.includes("decrypt_kv");
    try {
      const rendered = compileTemplate(source).render(scope);
      if (rendered === "") return null;
      return schema?.secret === true && sealedParts(rendered) !== null && keys.unseal !== undefined
        ? keys.unseal(rendered)
        : rendered;
    } catch (error) {
      throw problemAt(path, error, isSecret);
    }
  };
  return object(config, { properties: schemas }, []);
}

/** Messages of evaluations quote values: of a secret only the code of what went wrong is told, or what is no secret. */
function problemAt(path: Path, error: unknown, isSecret: boolean): PetrelError {
  const known = isPetrelError(error) ? error : null;
  const isQuoting = isSecret && known?.code !== "KEY_FILE" && known?.code !== "KEY_UNREADABLE";
  const why =
    known === null || isQuoting ? "its template cannot be rendered" : `${known.code}: ${known.message}`;
  return new PetrelError("PACK_CONFIG", `attribute '${path.join(".")}': ${why}`, {
    where: path.join("."),
    hint: known?.hint ?? "look at the key it names: petrel key get NAME",
    cause: error,
  });
}

/** Templates that can never be rendered, each with the path of its attribute. */
export function templateProblems(config: Json, path: Path = []): readonly [path: Path, message: string][] {
  if (typeof config === "string") {
    const message = isTemplate(config) ? templateProblem(config) : null;
    return message === null ? [] : [[path, message]];
  }
  if (Array.isArray(config)) return config.flatMap((item: Json, at) => templateProblems(item, [...path, at]));
  if (!isObject(config)) return [];
  return Object.entries(config as JsonObject).flatMap(([name, value]) =>
    templateProblems(value, [...path, name]),
  );
}

function templateProblem(source: string): string | null {
  try {
    const unknown = [...compileTemplate(source).names].filter((name) => name !== "st2kv");
    return unknown.length === 0
      ? null
      : `its template names '${unknown.join("', '")}'; a configuration sees st2kv only`;
  } catch (error) {
    return isPetrelError(error) ? error.message : "its template cannot be read";
  }
}
