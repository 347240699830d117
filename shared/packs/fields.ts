/** Checks a document against a JSON schema, and says each violation at its line with a fix. */
import type { ErrorObject } from "ajv";
import type { ErrorCode } from "../errors.ts";
import { isObject, type Json, type JsonObject } from "../json.ts";
import { nearest, suggestion } from "../nearest.ts";
import type { Severity } from "../problem.ts";
import { type Check, checksWith } from "../validation.ts";
import type { Path } from "../yaml/read-yaml.ts";
import type { Metadata } from "./pack-file.ts";

/** Schema of the name of what a pack has. A ref travels in one line of the sensor protocol and in URLs: no blanks. */
export const nameField = {
  type: "string",
  pattern: "^[^\\s/\\p{Cc}]+$",
  maxLength: 128,
  fix: "use letters, digits, '_', '-' and '.'",
} as const;

export type FieldCheck = Check;

/** A check of fields for `checkFields`. A part of the schema may have a `fix`: the hint for what breaks it. */
export const compileFields: (schema: object) => FieldCheck = checksWith({
  strict: false,
  allErrors: true,
  verbose: true,
});

/** `value` without its empty fields: to StackStorm an optional field that is null is a field that is not there. */
export function withoutEmpty(value: Json): Json {
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value as JsonObject).filter(([, field]) => field !== null));
}

export interface FieldOptions {
  readonly code: ErrorCode;
  /** Where `value` stands in the document. */
  readonly base?: Path;
  /** Default: the whole document. */
  readonly value?: Json;
  /** What an unknown field is; `near`: a warning if it looks like a misspelt known one. Default: error. */
  readonly unknown?: Severity | "near";
  /** Severity of all other violations. Default: error. */
  readonly severity?: Severity;
}

/** Reports every violation; true when none of them is an error. Empty fields of `value` itself count as missing. */
export function checkFields(check: FieldCheck, metadata: Metadata, options: FieldOptions): boolean {
  if (metadata.isOwn === true) return true;
  const value = withoutEmpty(options.value === undefined ? metadata.value : options.value);
  if (check(value)) return true;
  let ok = true;
  const errors = check.errors ?? [];
  const mistyped = new Set(errors.filter(({ keyword }) => keyword === "type").map((e) => e.instancePath));
  for (const error of errors) {
    // The names of properties are told once, by the keyword `propertyNames` itself.
    if (error.propertyName !== undefined) continue;
    // What a value of the wrong type breaks besides is not worth a line.
    if (error.keyword !== "type" && mistyped.has(error.instancePath)) continue;
    const told = tell(error, options);
    if (told === null) continue;
    if (told.severity === "error") ok = false;
    metadata.report({
      code: options.code,
      severity: told.severity,
      message: told.message,
      where: metadata.at([...(options.base ?? []), ...told.path]),
      hint: told.hint,
    });
  }
  return ok;
}

interface Told {
  readonly severity: Severity;
  readonly message: string;
  readonly path: Path;
  readonly hint: string;
}

/** JSON pointer to path (RFC 6901). */
function pathOf(pointer: string): string[] {
  return pointer
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** A value short enough for a message. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

function typeOf(value: unknown): string {
  if (value === null) return "empty";
  if (Array.isArray(value)) return "a list";
  if (isObject(value)) return "a map";
  return `the ${typeof value} ${shown(value)}`;
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: "text",
  object: "a map",
  array: "a list",
  boolean: "true or false",
  integer: "a whole number",
  number: "a number",
  null: "empty",
};

/** How to write a value of the wanted type, where what was meant is plain to see. */
function typeHint(wanted: string, value: unknown): string {
  if (wanted === "string" && (typeof value === "number" || typeof value === "boolean")) {
    return `put it in quotes: "${String(value)}"`;
  }
  if (wanted === "array" && value !== null && !isObject(value)) return "write each item on a line with '- '";
  return `write ${TYPE_WORDS[wanted] ?? wanted}`;
}

function tell(error: ErrorObject, options: FieldOptions): Told | null {
  const path = pathOf(error.instancePath);
  const place = path.length > 0 ? path.join(".") : options.base?.at(-1);
  const name = place === undefined ? "the document" : `'${place}'`;
  const severity = options.severity ?? "error";
  const parameters = error.params as Record<string, unknown>;
  const known = isObject(error.parentSchema?.properties) ? Object.keys(error.parentSchema.properties) : [];
  switch (error.keyword) {
    case "required": {
      const missing = String(parameters.missingProperty);
      return { severity, message: `'${missing}' is missing`, path, hint: `add '${missing}: …'` };
    }
    case "additionalProperties":
      return tellUnknown(String(parameters.additionalProperty), path, known, options);
    case "type": {
      const wanted = [parameters.type].flat().map(String);
      const words = wanted.map((type) => TYPE_WORDS[type] ?? type).join(" or ");
      const hint = fixOf(error) ?? typeHint(wanted[0] ?? "", error.data);
      return { severity, message: `${name} must be ${words}; it is ${typeOf(error.data)}`, path, hint };
    }
    case "enum": {
      const allowed = (parameters.allowedValues as unknown[]).map(String);
      const hint = suggestion(String(error.data), allowed);
      return { severity, message: `${name} may not be ${shown(error.data)}`, path, hint };
    }
    case "propertyNames": {
      const wrong = String(parameters.propertyName);
      const message = `the name ${shown(wrong)} is not allowed`;
      return { severity, message, path: [...path, wrong], hint: "use only letters, digits and '_'" };
    }
    case "pattern": {
      const hint = fixOf(error) ?? "change the value";
      return { severity, message: `${name} may not be ${shown(error.data)}`, path, hint };
    }
    case "anyOf":
    case "oneOf":
    case "if":
      // Each branch has told its own reason.
      return null;
    default: {
      const message = `${name} ${error.message ?? "is not valid"}; it is ${shown(error.data)}`;
      return { severity, message, path, hint: fixOf(error) ?? "change the value" };
    }
  }
}

/** A schema may say how to mend a violation in its keyword `fix`, where JSON Schema's own words do not. */
function fixOf(error: ErrorObject): string | undefined {
  const fix: unknown = error.parentSchema?.fix;
  return typeof fix === "string" ? fix : undefined;
}

function tellUnknown(name: string, path: Path, known: readonly string[], options: FieldOptions): Told | null {
  const unknown = options.unknown ?? "error";
  const near = nearest(name, known);
  if (unknown === "near" && near === null) return null;
  return {
    severity: unknown === "near" ? "warning" : unknown,
    message: `unknown field '${name}'${unknown === "error" ? "" : ": it is ignored"}`,
    path: [...path, name],
    hint: near === null ? `remove it; known: ${known.join(", ")}` : `write '${near}'`,
  };
}
