/** What an action takes, its runner's own parameters included. */
import type { ActionDefinition } from "../model/action.ts";
import type { ParameterSchemas } from "../model/pack.ts";
import { runnerParameters } from "./runners.ts";

/** The runner's parameters with what the action says about them, then the action's own (st2 docs, Actions). */
export function actionParameters(
  action: Pick<ActionDefinition, "runner_type" | "parameters">,
): ParameterSchemas {
  const runner = runnerParameters[action.runner_type] ?? {};
  const own = Object.entries(action.parameters).map(
    // An action that fixes a runner's default must not make its secret readable.
    ([name, schema]) => [name, { ...(Object.hasOwn(runner, name) ? runner[name] : {}), ...schema }] as const,
  );
  return { ...runner, ...Object.fromEntries(own) };
}
