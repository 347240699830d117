/** config.schema.yaml: which configuration a pack takes (st2 docs, Pack configuration). */
import type { ParameterSchemas } from "../model/pack.ts";
import type { Metadata } from "./pack-file.ts";
import { readParameterSchemas } from "./parameter-schema.ts";

/** The schema of each attribute, or `null` after reporting what is wrong. */
export function parseConfigSchema(metadata: Metadata): ParameterSchemas | null {
  return readParameterSchemas(metadata, [], metadata.value);
}
