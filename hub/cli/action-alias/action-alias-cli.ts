/** `petrel action-alias list | get` */
import type { ActionAlias } from "../../../shared/model/action-alias.ts";
import type { NounCommands } from "../context-cli.ts";
import { asIs, getVerb, listVerb } from "../verbs-cli.ts";

const words = ({ formats }: ActionAlias) =>
  formats.map(({ display, representation }) => display ?? representation[0] ?? "").join(" | ");

export const actionAliasCommands: NounCommands = (noun, context) => {
  listVerb<ActionAlias, ActionAlias>(noun, context, {
    path: "/v1/action-aliases",
    description: "list the action aliases of all packs; a chat bot matches them, Petrel does not",
    example: "petrel action-alias list --pack mypack",
    filters: [["-p, --pack <name>", "only this pack's"]],
    row: asIs,
    columns: [
      { header: "REF", value: (alias) => alias.ref },
      { header: "ACTION", value: (alias) => alias.action_ref },
      { header: "ENABLED", value: (alias) => alias.enabled },
      { header: "FORMATS", value: words, cut: true },
    ],
  });
  getVerb<ActionAlias>(noun, context, {
    path: "/v1/action-aliases",
    argument: "ref",
    description: "show an action alias",
    example: "petrel action-alias get mypack.deploy",
  });
};
