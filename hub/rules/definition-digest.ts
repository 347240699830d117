/** The digest that names a version of a rule. */
import type { RuleDefinition } from "../../shared/model/rule.ts";
import { digestOfJson } from "../audit/chain.ts";

/** Definitions do not change; each is hashed once. */
const known = new WeakMap<RuleDefinition, string>();

/** `sha256:` and 64 hex digits, of the definition as it is stored. */
export function definitionDigest(rule: RuleDefinition | undefined): string | undefined {
  if (rule === undefined) return undefined;
  let digest = known.get(rule);
  if (digest === undefined) {
    digest = `sha256:${digestOfJson(rule)}`;
    known.set(rule, digest);
  }
  return digest;
}
