/** Does a configuration fit the schema of its pack? */
import { isTemplate } from "../expressions/template.ts";
import type { JsonObject } from "../json.ts";
import type { ParameterSchemas } from "../model/pack.ts";
import { plainOracle } from "../parameters/plain-oracle.ts";
import { checkValue } from "../parameters/value-check.ts";
import type { Problem } from "../problem.ts";
import type { Path } from "../yaml/read-yaml.ts";

export interface ConfigInput {
  readonly schema: ParameterSchemas;
  readonly config: JsonObject;
  /** Whether `config` is all there is, so that what is required has to be in it. Default: false. */
  readonly complete?: boolean;
  /** Where a value stands. Default: its path alone. */
  readonly at?: (path: Path) => string;
}

const hints: Readonly<Record<string, string>> = {
  required: "add it to the configuration",
  additionalProperties: "remove what is unexpected, or correct its name",
};

/**
 * Every PACK_CONFIG problem. Attributes that the schema does not name are allowed, and what is optional may be null.
 * Templates fit any type: what one becomes is only known when it is rendered.
 */
export function configProblems({ schema, config, complete = false, at }: ConfigInput): readonly Problem[] {
  const fits = (property: { readonly [keyword: string]: unknown }, value: unknown): boolean => {
    if (value === null) return !complete || property.required !== true || property.default === null;
    return typeof value === "string" && isTemplate(value);
  };
  const place = at ?? ((path: Path) => (path.length === 0 ? "config" : `config (${path.join(".")})`));
  return checkValue({ type: "object", properties: schema }, config, { regex: plainOracle, fits })
    .filter(({ keyword }) => complete || keyword !== "required")
    .map(({ path, keyword, message }) => ({
      code: "PACK_CONFIG",
      severity: "error",
      message,
      where: place(path),
      hint: hints[keyword] ?? "change the value to one that the pack's config.schema.yaml allows",
    }));
}
