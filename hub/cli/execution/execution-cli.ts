/** `petrel execution list | get | tail | cancel | pause | resume | re-run` */
import type { Command } from "commander";
import { wholeNumber, withExample } from "../../../shared/cli/program-cli.ts";
import type { ActionDefinition } from "../../../shared/model/action.ts";
import type { Execution } from "../../../shared/model/execution.ts";
import { actionParameters } from "../../../shared/packs/action-parameters.ts";
import type { NounCommands } from "../context-cli.ts";
import { ago } from "../relative-time.ts";
import { showOutcome } from "../run/outcome-cli.ts";
import { runParameters } from "../run/run-parameters.ts";
import { type StartOptions, startOf } from "../run/start-options.ts";
import { readTextFile } from "../text-file-fs.ts";
import { asIs, getVerb, listVerb } from "../verbs-cli.ts";
import { executionSummary, type WithChildren, withChildren } from "./execution-summary.ts";
import { showTail } from "./tail-cli.ts";

const path = "/v1/executions";

interface RerunOptions extends StartOptions {
  readonly async?: boolean;
  readonly timeout?: number;
}

export const executionCommands: NounCommands = (noun, context) => {
  listVerb<Execution, Execution>(noun, context, {
    path,
    description: "list runs of actions, newest first",
    history: true,
    example: "petrel execution list --action core.local --status failed --last 24h",
    filters: [
      ["--action <ref>", "only of this action"],
      ["--status <status>", "only in this status, such as running, succeeded or failed"],
      ["--agent <id>", "only on this agent"],
      ["--rule <ref>", "only those this rule asked for"],
      ["--trigger-instance <id>", "only those this trigger instance led to"],
      ["--user <name>", "only those this user asked for"],
      ["--trace-tag <tag>", "only those that are marked with this tag"],
      ["--parent <id>", "only those that this one has started, every attempt"],
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
  getVerb<WithChildren>(noun, context, {
    path,
    argument: "id",
    description: "show one with its result",
    example: "petrel execution get 01JQ8ZK4T6V8X0A2C4E6G8J0M2",
    complete: withChildren,
    short: executionSummary,
  });
  withExample(
    noun
      .command("tail <id>")
      .description("print what it writes, as it comes, until it ends; exits with 0 when it succeeds, else 1"),
    "petrel execution tail 01JQ8ZK4T6V8X0A2C4E6G8J0M2",
  ).action(async (id: string, _options: object, self: Command) => {
    const execution = await context.api(self).ask<Execution>("GET", `${path}/${encodeURIComponent(id)}`);
    await showTail(context, self, [execution]);
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
  for (const [verb, text] of [
    ["pause", "hold it where it is, and its timeout with it"],
    ["resume", "let go on what was paused"],
  ] as const) {
    withExample(
      noun.command(`${verb} <id>`).description(text),
      `petrel execution ${verb} 01JQ8ZK4T6V8X0A2C4E6G8J0M2`,
    ).action(async (id: string, _options: object, self: Command) => {
      const execution = await context
        .api(self)
        .ask<Execution>("POST", `${path}/${encodeURIComponent(id)}/${verb}`, {
          query: { user: context.io.user },
        });
      await context.say(self, `${execution.id} is ${execution.status}`, execution);
    });
  }
  withExample(
    noun
      .command("re-run <id> [parameters...]")
      .description("run it again on the same agent, with its parameters but for those that are given")
      .option("--delay <seconds>", "start it so much later", wholeNumber(0, 366 * 86_400))
      .option("--start-at <time>", "start it then: an RFC 3339 instant")
      .option("-a, --async", "do not wait for the result")
      .option("--timeout <seconds>", "how long to wait for the result (3600)", wholeNumber(0, 86_400 * 7)),
    "petrel execution re-run 01JQ8ZK4T6V8X0A2C4E6G8J0M2 count=5",
  ).action(async (id: string, words: readonly string[], options: RerunOptions, self: Command) => {
    const api = context.api(self);
    const before = await api.ask<Execution>("GET", `${path}/${encodeURIComponent(id)}`);
    const action = await api.ask<ActionDefinition>("GET", `/v1/actions/${encodeURIComponent(before.action)}`);
    const parameters = runParameters(words, actionParameters(action), (file) =>
      readTextFile(context.io.cwd, file),
    );
    const body = { parameters, user: context.io.user, ...startOf(options) };
    const made = await api.ask<Execution>("POST", `${path}/${encodeURIComponent(id)}/re-run`, { body });
    await showOutcome(context, self, [made], { many: false, ...options });
  });
};
