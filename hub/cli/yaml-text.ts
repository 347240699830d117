/** YAML for people. A module of its own, so that a command that prints none does not load the package. */
import { stringify } from "yaml";

/** Lines are as long as their values. */
export function yamlText(value: unknown): string {
  return stringify(value, { lineWidth: 0 });
}
