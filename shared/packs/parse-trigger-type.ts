/** triggers/*.yaml, and the trigger types that a sensor brings (st2 docs, Sensors and Triggers). */
import { isObject, type Json, type JsonObject } from "../json.ts";
import type { TriggerType } from "../model/trigger.ts";
import { formatRef } from "../ref.ts";
import type { Path } from "../yaml/read-yaml.ts";
import { checkFields, compileFields, nameField, shown, withoutEmpty } from "./fields.ts";
import { belongsToPack } from "./ownership.ts";
import type { Metadata } from "./pack-file.ts";
import { parameterTypes } from "./parameter-schema.ts";

const text = { type: "string" };

const check = compileFields({
  type: "object",
  required: ["name"],
  additionalProperties: false,
  properties: {
    name: nameField,
    pack: text,
    ref: text,
    uid: text,
    description: text,
    payload_schema: { type: "object" },
    parameters_schema: { type: "object" },
    tags: { type: "array" },
    payload_validation: { type: "string", enum: ["warn", "drop", "off"] },
  },
});

/** A payload schema that nobody can satisfy is told early; the type loads, as it does in StackStorm. */
function checkPayloadSchema(metadata: Metadata, base: Path, schema: unknown): void {
  if (!isObject(schema)) return;
  const { type, properties } = schema;
  for (const name of type === undefined ? [] : [type].flat()) {
    if (parameterTypes.some((known) => known === name)) continue;
    metadata.report({
      code: "PACK_FIELD",
      severity: "warning",
      message: `the type ${shown(name)} does not exist: no payload fits`,
      where: metadata.at([...base, "type"]),
      hint: `one of: ${parameterTypes.join(", ")}`,
    });
  }
  if (!isObject(properties)) return;
  for (const [name, inner] of Object.entries(properties)) {
    checkPayloadSchema(metadata, [...base, "properties", name], inner);
  }
}

/** The trigger type at `base`, or `null` after reporting what is wrong. */
export function parseTriggerType(metadata: Metadata, base: Path = [], value?: Json): TriggerType | null {
  const given = withoutEmpty(value === undefined ? metadata.value : value);
  if (!checkFields(check, metadata, { code: "PACK_FIELD", base, value: given, unknown: "warning" }))
    return null;
  const type = given as Record<string, Json>;
  if (!belongsToPack(metadata, base, type.pack)) return null;
  checkPayloadSchema(metadata, [...base, "payload_schema"], type.payload_schema);
  checkPayloadSchema(metadata, [...base, "parameters_schema"], type.parameters_schema);
  const name = type.name as string;
  return {
    ref: formatRef(metadata.pack, name),
    pack: metadata.pack,
    name,
    description: (type.description as string | undefined) ?? "",
    payload_schema: (type.payload_schema as JsonObject | undefined) ?? {},
    parameters_schema: (type.parameters_schema as JsonObject | undefined) ?? {},
    payload_validation: (type.payload_validation as TriggerType["payload_validation"] | undefined) ?? "warn",
  };
}
