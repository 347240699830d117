/** `petrel audit log`: requests to the API that changed something, asked for a secret, or were refused. */
import type { Command } from "commander";
import type { ApiRequestRecord } from "../../../shared/model/api-key.ts";
import type { CliContext } from "../context-cli.ts";
import { ago } from "../relative-time.ts";
import { asIs, listVerb } from "../verbs-cli.ts";

export function requestLogVerb(noun: Command, context: CliContext): void {
  listVerb<ApiRequestRecord, ApiRequestRecord>(noun, context, {
    name: "log",
    path: "/v1/audit/requests",
    description: "requests that changed something, asked for a secret, or were refused; newest first",
    example: "petrel audit log --since 1h --user ann",
    history: true,
    filters: [
      ["--user <name>", "only what was done in this name"],
      ["--key <id>", "only what was done with this key"],
      ["--address <address>", "only what came from there"],
      ["--noun <noun>", "only this noun, such as rule"],
      ["--verb <verb>", "only this verb, such as create"],
      ["--ref <ref>", "only what was asked of this one"],
      ["--refused", "only what was refused or failed"],
    ],
    query: ({ refused, ...rest }) => ({ ...rest, ...(refused !== undefined && { refused: "true" }) }),
    row: asIs,
    columns: [
      { header: "AT", value: ({ at }, now) => ago(at, now) },
      { header: "USER", value: ({ user }) => user },
      { header: "FROM", value: ({ address }) => address },
      {
        header: "WHAT",
        value: ({ noun: what, verb, method }) => (what === null ? method : `${what} ${verb}`),
      },
      { header: "REF", value: ({ ref }) => ref, cut: true },
      { header: "STATUS", value: ({ status, code }) => (code === null ? status : `${status} ${code}`) },
    ],
  });
}
