/** aliases/*.yaml (st2 docs, Action Alias). */
import { isObject, type Json, type JsonObject } from "../json.ts";
import type { ActionAlias, AliasFormat } from "../model/action-alias.ts";
import { formatRef, parseRef } from "../ref.ts";
import { checkFields, compileFields, nameField, shown, withoutEmpty } from "./fields.ts";
import { belongsToPack } from "./ownership.ts";
import type { Metadata } from "./pack-file.ts";

const text = { type: "string" };

const check = compileFields({
  type: "object",
  required: ["name", "action_ref", "formats"],
  additionalProperties: false,
  properties: {
    name: nameField,
    pack: text,
    ref: text,
    uid: text,
    id: text,
    description: text,
    enabled: { type: "boolean" },
    action_ref: { ...text, fix: "write the action's ref: pack.action" },
    formats: {
      type: "array",
      items: {
        type: ["string", "object"],
        required: ["representation"],
        additionalProperties: false,
        properties: {
          display: { type: ["string", "null"] },
          representation: { type: ["string", "array"], items: text },
        },
      },
    },
    ack: { type: "object" },
    result: { type: "object" },
    extra: { type: "object" },
    immutable_parameters: { type: "object" },
  },
});

/** The alias, or `null` after reporting what is wrong. */
export function parseAlias(metadata: Metadata): ActionAlias | null {
  const given = withoutEmpty(metadata.value);
  if (!checkFields(check, metadata, { code: "PACK_FIELD", value: given })) return null;
  const alias = given as Record<string, Json>;
  if (!belongsToPack(metadata, [], alias.pack)) return null;
  const action = alias.action_ref as string;
  if (parseRef(action) === null) {
    metadata.report({
      code: "PACK_FIELD",
      severity: "error",
      message: `'action_ref' may not be ${shown(action)}`,
      where: metadata.at(["action_ref"]),
      hint: "write the action's ref: pack.action",
    });
    return null;
  }
  const object = (name: string) => (alias[name] ?? {}) as JsonObject;
  return {
    ref: formatRef(metadata.pack, alias.name as string),
    pack: metadata.pack,
    name: alias.name as string,
    description: (alias.description as string | undefined) ?? "",
    enabled: (alias.enabled as boolean | undefined) ?? true,
    action_ref: action,
    formats: (alias.formats as readonly Json[]).map(readFormat),
    ack: object("ack"),
    result: object("result"),
    extra: object("extra"),
    immutable_parameters: object("immutable_parameters"),
  };
}

/** A text is shown and matched alike. */
function readFormat(format: Json): AliasFormat {
  if (!isObject(format)) return { display: String(format), representation: [String(format)] };
  const { display = null, representation } = format as JsonObject;
  return {
    display: display as string | null,
    representation: (Array.isArray(representation) ? representation : [representation]) as string[],
  };
}
