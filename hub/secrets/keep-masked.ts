/** Keeps a masked value from being stored back: what is still the mask is what was stored. */
import { PetrelError } from "../../shared/errors.ts";
import { isObject, type Json, type JsonObject } from "../../shared/json.ts";
import type { ParameterSchema, ParameterSchemas } from "../../shared/model/pack.ts";
import { canonicalText } from "../../shared/model/rule-trigger.ts";
import { itemSchema, memberSchema } from "../../shared/packs/inner-schema.ts";
import { mask, maskConfigValue, type Path } from "./mask.ts";

/**
 * `incoming` with each secret that is still the mask replaced by what is stored: reading and writing back is safe. Throws
 * PACK_CONFIG for a mask in a list of which nobody can tell whose secret it stands for.
 */
export function keepMasked(schemas: ParameterSchemas, incoming: JsonObject, stored: JsonObject): JsonObject {
  return keptObject({ properties: schemas }, incoming, stored, { path: [], isListed: false });
}

interface Place {
  readonly path: Path;
  /** Somewhere in a list, whose items have no names to know them by. */
  readonly isListed: boolean;
}

function keptObject(
  schema: ParameterSchema,
  incoming: JsonObject,
  stored: JsonObject,
  { path, isListed }: Place,
): JsonObject {
  const entries = Object.entries(incoming).map(([name, value]): [string, Json] => {
    const before = Object.hasOwn(stored, name) ? stored[name] : undefined;
    return [name, kept(memberSchema(schema, name), value, before, { path: [...path, name], isListed })];
  });
  return Object.fromEntries(entries);
}

function kept(
  schema: ParameterSchema | undefined,
  value: Json,
  before: Json | undefined,
  place: Place,
): Json {
  if (schema?.secret === true && value === mask) {
    if (before !== undefined) return before;
    if (place.isListed) throw maskOfNobody(place.path);
    return value;
  }
  if (schema === undefined) return value;
  if (Array.isArray(value)) return keptList(schema, value, Array.isArray(before) ? before : [], place);
  if (!isObject(value)) return value;
  return keptObject(schema, value as JsonObject, isObject(before) ? (before as JsonObject) : {}, place);
}

/**
 * What an item was before is the one that looks like it. By its place alone, the secret of one that was removed or
 * replaced would become another's. Items that look the same are told apart by their order, while there are as many of
 * them as there were.
 */
function keptList(
  schema: ParameterSchema,
  incoming: readonly Json[],
  stored: readonly Json[],
  { path }: Place,
): readonly Json[] {
  // In a list of tuples an item of one place is none of another.
  const places = Array.isArray(schema.items) ? schema.items.length : 0;
  const look = (shown: Json, at: number): string => `${Math.min(at, places)} ${canonicalText(shown)}`;
  const were = Map.groupBy(stored, (item, at) => look(maskConfigValue(itemSchema(schema, at), item), at));
  const are = Map.groupBy(incoming, look);
  const met = new Map<string, number>();
  return incoming.map((item, at) => {
    const shown = look(item, at);
    const before = were.get(shown) ?? [];
    const nth = met.get(shown) ?? 0;
    met.set(shown, nth + 1);
    // As many as there were: none of them came or went.
    const isWhole = before.length === are.get(shown)?.length;
    const counterpart = isWhole ? before[nth] : before.length === 1 ? before[0] : undefined;
    return kept(itemSchema(schema, at), item, counterpart, { path: [...path, at], isListed: true });
  });
}

const maskOfNobody = (path: Path) =>
  new PetrelError(
    "PACK_CONFIG",
    `attribute '${path.join(".")}': ${mask} stands for no secret that is stored; nothing was changed`,
    {
      where: path.join("."),
      hint: "an item of a list keeps its secret while all that is shown of it is the same; else write the secret itself",
    },
  );
