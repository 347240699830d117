/** `petrel policy list | get` */
import type { PolicyDefinition } from "../../../shared/model/policy.ts";
import type { NounCommands } from "../context-cli.ts";
import { asIs, getVerb, listVerb } from "../verbs-cli.ts";

const settings = ({ parameters }: PolicyDefinition) =>
  Object.entries(parameters)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(" ");

export const policyCommands: NounCommands = (noun, context) => {
  listVerb<PolicyDefinition, PolicyDefinition>(noun, context, {
    path: "/v1/policies",
    description: "list the policies of all packs",
    example: "petrel policy list --action mypack.deploy",
    filters: [
      ["-p, --pack <name>", "only this pack's"],
      ["--action <ref>", "only those of this action"],
    ],
    row: asIs,
    columns: [
      { header: "REF", value: (policy) => policy.ref },
      { header: "ACTION", value: (policy) => policy.resource_ref },
      { header: "TYPE", value: (policy) => policy.policy_type },
      { header: "ENABLED", value: (policy) => policy.enabled },
      { header: "PARAMETERS", value: settings, cut: true },
    ],
  });
  getVerb<PolicyDefinition>(noun, context, {
    path: "/v1/policies",
    argument: "ref",
    description: "show a policy",
    example: "petrel policy get mypack.one_deploy",
  });
};
