/** `petrel action list | get` */
import type { ActionDefinition } from "../../../shared/model/action.ts";
import { actionParameters } from "../../../shared/packs/action-parameters.ts";
import type { NounCommands } from "../context-cli.ts";
import { asIs, getVerb, listVerb } from "../verbs-cli.ts";

/** With all that it takes, its runner's own parameters included. */
export function withEffective(action: ActionDefinition) {
  return { ...action, effective_parameters: actionParameters(action) };
}

/** For people: what is empty is left out, and all that it takes stands in one place, the last. */
function summary(action: ActionDefinition) {
  const { parameters: _parameters, tags, output_schema, ...rest } = action;
  return {
    ...rest,
    ...(tags.length > 0 && { tags }),
    ...(output_schema !== null && { output_schema }),
    parameters: actionParameters(action),
  };
}

export const actionCommands: NounCommands = (noun, context) => {
  listVerb<ActionDefinition, ActionDefinition>(noun, context, {
    path: "/v1/actions",
    description: "list the actions of all packs",
    example: "petrel action list --pack core",
    filters: [["-p, --pack <name>", "only this pack's"]],
    row: asIs,
    columns: [
      { header: "REF", value: (action) => action.ref },
      { header: "RUNNER", value: (action) => action.runner_type },
      { header: "ENABLED", value: (action) => action.enabled },
      { header: "DESCRIPTION", value: (action) => action.description, cut: true },
    ],
  });
  getVerb<ActionDefinition>(noun, context, {
    path: "/v1/actions",
    argument: "ref",
    description: "show an action with its parameters",
    example: "petrel action get core.local",
    full: withEffective,
    short: summary,
  });
};
