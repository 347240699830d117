/** What a run would be, without running it. */
import type { JsonObject } from "../../shared/json.ts";
import { quote, scriptArguments } from "../../shared/script-arguments.ts";
import { appliedPolicies } from "../policies/applied.ts";
import { positionalNames, type ResolvedParameters, type RunnableAction, timeoutOf } from "./request.ts";

export interface RunPreview {
  readonly action: string;
  readonly runner: string;
  readonly agents: readonly string[];
  /** Final: rendered, cast, with all defaults. */
  readonly parameters: JsonObject;
  /** What the shell would be given; `null` for runners without one. The script is named as in its pack. */
  readonly command: string | null;
  /** Seconds. */
  readonly timeout: number;
  /** RFC 3339; `null`: at once. */
  readonly start_at: string | null;
  /** Refs of policies that would count it. */
  readonly policies: readonly string[];
}

export function previewOf(
  action: RunnableAction,
  resolved: ResolvedParameters,
  agents: readonly string[],
  startAt: string | null,
): RunPreview {
  const { definition, policies = [] } = action;
  const parameters = { ...resolved.runner_parameters, ...resolved.parameters };
  const { gates, retries } = appliedPolicies(policies, parameters);
  return {
    action: definition.ref,
    runner: definition.runner_type,
    agents,
    parameters,
    command: commandOf(action, resolved),
    timeout: timeoutOf(resolved),
    start_at: startAt,
    policies: [...gates, ...retries].map(({ policy }) => policy),
  };
}

function commandOf({ definition }: RunnableAction, resolved: ResolvedParameters): string | null {
  const { cmd, kwarg_op: prefix } = resolved.runner_parameters;
  switch (definition.runner_type) {
    case "local-shell-cmd":
      return typeof cmd === "string" ? cmd : null;
    case "local-shell-script": {
      const words = scriptArguments(
        resolved.parameters,
        positionalNames(definition),
        typeof prefix === "string" ? prefix : "--",
      );
      return [`actions/${definition.entry_point}`, ...words].map(quote).join(" ");
    }
    default:
      return null;
  }
}
