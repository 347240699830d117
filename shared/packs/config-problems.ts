/** Does a configuration fit the schema of its pack? */
import { PetrelError } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import type { ParameterSchemas } from "../model/pack.ts";
import type { Problem } from "../problem.ts";
import type { Path } from "../yaml/read-yaml.ts";
import { checkFields, type FieldCheck } from "./fields.ts";
import { compileValues } from "./value-schema.ts";

export interface ConfigInput {
  readonly schema: ParameterSchemas;
  readonly config: JsonObject;
  /** Whether `config` is all there is, so that what is required has to be in it. Default: false. */
  readonly complete?: boolean;
  /** Where a value stands. Default: its path alone. */
  readonly at?: (path: Path) => string;
}

/** Every PACK_CONFIG problem. Attributes that the schema does not name are allowed; templates fit any type. */
export function configProblems({ schema, config, complete = false, at }: ConfigInput): readonly Problem[] {
  const problems: Problem[] = [];
  let check: FieldCheck;
  try {
    check = compileValues(schema, { complete });
  } catch (cause) {
    // Checked when the pack was parsed; what passes there and does not compile here is our fault.
    throw new PetrelError("INTERNAL", "a pack's configuration schema cannot be used", { cause });
  }
  const metadata = {
    pack: "",
    value: config,
    at: at ?? ((path: Path) => (path.length === 0 ? "configuration" : `configuration (${path.join(".")})`)),
    report: (problem: Problem) => {
      problems.push(problem);
    },
  };
  checkFields(check, metadata, { code: "PACK_CONFIG" });
  return problems;
}
