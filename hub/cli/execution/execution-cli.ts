/** `petrel execution list | get | cancel` */
import type { Command } from "commander";
import { withExample } from "../../../shared/cli/program-cli.ts";
import type { Execution } from "../../../shared/model/execution.ts";
import type { NounCommands } from "../context-cli.ts";
import { ago } from "../relative-time.ts";
import { asIs, getVerb, listVerb } from "../verbs-cli.ts";
import { executionSummary } from "./execution-summary.ts";

const path = "/v1/executions";

export const executionCommands: NounCommands = (noun, context) => {
  listVerb<Execution, Execution>(noun, context, {
    path,
    description: "list runs of actions, newest first",
    history: true,
    example: "petrel execution list --action core.local --status failed --since 24h",
    filters: [
      ["--action <ref>", "only of this action"],
      ["--status <status>", "only in this status, such as running, succeeded or failed"],
      ["--agent <id>", "only on this agent"],
      ["--rule <ref>", "only those this rule asked for"],
      ["--trigger-instance <id>", "only those this trigger instance led to"],
    ],
    row: asIs,
    columns: [
      { header: "ID", value: (execution) => execution.id },
      { header: "ACTION", value: (execution) => execution.action },
      { header: "AGENT", value: (execution) => execution.agent },
      { header: "STATUS", value: (execution) => execution.status },
      { header: "CREATED", value: (execution, now) => ago(execution.created_at, now) },
      { header: "RULE", value: (execution) => execution.rule, cut: true },
      { header: "REASON", value: (execution) => execution.reason, cut: true },
    ],
  });
  getVerb<Execution>(noun, context, {
    path,
    argument: "id",
    description: "show one with its result",
    example: "petrel execution get 01JQ8ZK4T6V8X0A2C4E6G8J0M2",
    short: executionSummary,
  });
  withExample(
    noun.command("cancel <id>").description("cancel it; what runs is stopped"),
    "petrel execution cancel 01JQ8ZK4T6V8X0A2C4E6G8J0M2",
  ).action(async (id: string, _options: object, self: Command) => {
    const execution = await context.api(self).ask<Execution>("DELETE", `${path}/${encodeURIComponent(id)}`, {
      query: { user: context.io.user },
    });
    await context.say(self, `${execution.id} is ${execution.status}`, execution);
  });
};
