/** `petrel trigger list | get`: trigger types, as st2 calls them on its command line. */
import type { TriggerType } from "../../../shared/model/trigger.ts";
import type { NounCommands } from "../context-cli.ts";
import { asIs, getVerb, listVerb } from "../verbs-cli.ts";

export const triggerCommands: NounCommands = (noun, context) => {
  listVerb<TriggerType, TriggerType>(noun, context, {
    path: "/v1/trigger-types",
    description: "list the trigger types of all packs",
    example: "petrel trigger list --pack mypack",
    filters: [["-p, --pack <name>", "only this pack's"]],
    row: asIs,
    columns: [
      { header: "REF", value: (type) => type.ref },
      { header: "DESCRIPTION", value: (type) => type.description, cut: true },
    ],
  });
  getVerb<TriggerType>(noun, context, {
    path: "/v1/trigger-types",
    argument: "ref",
    description: "show a trigger type with the schema of its payload",
    example: "petrel trigger get mypack.changed_file",
  });
};
