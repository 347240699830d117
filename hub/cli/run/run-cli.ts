/** `petrel run`: runs an action and shows its result. */
import type { Command } from "commander";
import { collect, wholeNumber, withExample } from "../../../shared/cli/program-cli.ts";
import { isPetrelError, PetrelError } from "../../../shared/errors.ts";
import type { ActionDefinition } from "../../../shared/model/action.ts";
import type { Execution } from "../../../shared/model/execution.ts";
import type { ActionTarget } from "../../../shared/model/rule.ts";
import { actionParameters } from "../../../shared/packs/action-parameters.ts";
import { plainLines } from "../../../shared/plain-text.ts";
import type { RollOut } from "../../executions/fan-out.ts";
import { withEffective } from "../action/action-cli.ts";
import type { ApiClient } from "../api-client-http.ts";
import type { CliContext, NounCommands } from "../context-cli.ts";
import { showTail } from "../execution/tail-cli.ts";
import { labelsOption } from "../labels-option.ts";
import { toJson } from "../output.ts";
import { readTextFile } from "../text-file-fs.ts";
import { actionHelp } from "./action-help.ts";
import { showOutcome } from "./outcome-cli.ts";
import { type EnvironmentOptions, withEnvironment } from "./run-environment.ts";
import { runParameters } from "./run-parameters.ts";
import { type StartOptions, startOf } from "./start-options.ts";

interface RunOptions extends StartOptions, EnvironmentOptions {
  readonly host?: string;
  readonly labels?: readonly string[];
  readonly mode?: string;
  readonly batch?: number;
  readonly canary?: number;
  readonly maxFailures?: number;
  readonly dryRun?: boolean;
  readonly async?: boolean;
  readonly tail?: boolean;
  readonly timeout?: number;
  readonly traceTag?: string;
  readonly traceId?: string;
  readonly help?: boolean;
}

function targetOf({ host, labels, mode }: RunOptions): ActionTarget | undefined {
  if (host !== undefined && labels !== undefined) {
    throw new PetrelError("CLI_USAGE", "--host and --labels exclude each other");
  }
  if (mode !== undefined && labels === undefined) {
    throw new PetrelError("CLI_USAGE", "--mode goes with --labels");
  }
  if (host !== undefined) return { host };
  if (labels === undefined) return undefined;
  const pairs = labelsOption(labels);
  if (mode !== undefined && mode !== "all" && mode !== "any") {
    throw new PetrelError("CLI_USAGE", `--mode is all or any, not '${mode}'`);
  }
  return { labels: pairs, ...(mode !== undefined && { mode }) };
}

/** `undefined`: each agent has an execution for itself. A canary goes first wherever they go in batches. */
function rollOutOf({ batch, canary, maxFailures, labels }: RunOptions): RollOut | undefined {
  if (batch === undefined && canary === undefined && maxFailures === undefined) return undefined;
  if (labels === undefined) {
    throw new PetrelError("CLI_USAGE", "--batch, --canary and --max-failures go with --labels");
  }
  const first = canary ?? (batch === undefined ? undefined : 1);
  return {
    ...(batch !== undefined && { batch }),
    ...(first !== undefined && { canary: first }),
    ...(maxFailures !== undefined && { max_failures: maxFailures }),
  };
}

const definitionOf = (api: ApiClient, ref: string) =>
  api.ask<ActionDefinition>("GET", `/v1/actions/${encodeURIComponent(ref)}`);

async function showActionHelp(context: CliContext, command: Command, ref: string): Promise<void> {
  const definition = await definitionOf(context.api(command), ref);
  if (context.globals(command).json) return context.io.out(toJson(withEffective(definition)));
  return context.io.out(plainLines(actionHelp(definition)));
}

/** The tag that is given, or that of what is named. NOT_FOUND when neither an execution nor an instance has the id. */
async function traceTagOf(api: ApiClient, { traceTag, traceId }: RunOptions): Promise<string | undefined> {
  if (traceId === undefined) return traceTag;
  if (traceTag !== undefined) {
    throw new PetrelError("CLI_USAGE", "--trace-id and --trace-tag exclude each other");
  }
  const id = encodeURIComponent(traceId);
  const found = await api
    .ask<{ trace_tag: string | null }>("GET", `/v1/executions/${id}`)
    .catch((error: unknown) => {
      if (!isPetrelError(error) || error.code !== "NOT_FOUND") throw error;
      return api.ask<{ trace_tag: string | null }>("GET", `/v1/trigger-instances/${id}`);
    });
  if (found.trace_tag !== null) return found.trace_tag;
  throw new PetrelError("CLI_USAGE", `--trace-id: ${traceId} has no trace tag`, {
    hint: "mark this one with --trace-tag",
  });
}

export const runCommand: NounCommands = (noun, context) => {
  const { io } = context;
  noun
    // Our own: behind an action's ref it shows what that action takes.
    .helpOption(false)
    .usage("[options] <action> [parameters...]")
    .argument("[action]", "ref of the action")
    .argument("[parameters...]", "name=value, @name=file; from the first other word on: the parameter cmd")
    .option("--host <agent>", "run it on this agent; without it, on the agent beside the hub")
    .option("--labels <key=value,...>", "run it on agents with these labels", collect)
    .option("--mode <mode>", "with --labels: all of them (as without it), or any one that is online")
    .option("--batch <n>", "with --labels: so many agents at once", wholeNumber(1, 1_000_000))
    .option(
      "--canary <n>",
      "with --labels: the first so many alone (1 with --batch)",
      wholeNumber(0, 1_000_000),
    )
    .option(
      "--max-failures <n>",
      "with --labels: start no more when more have failed",
      wholeNumber(0, 1_000_000),
    )
    .option("--delay <seconds>", "start it so much later", wholeNumber(0, 366 * 86_400))
    .option("--start-at <time>", "start it then: an RFC 3339 instant")
    .option("--dry-run", "show the agents, the final parameters and the command line; run nothing")
    .option("-a, --async", "do not wait for the result")
    .option("--tail", "print what it writes as it comes, in place of its result")
    .option("--timeout <seconds>", "how long to wait for the result (3600)", wholeNumber(0, 86_400 * 7))
    .option("-e, --env <NAME=value>", "a variable for the action's process; may be repeated", collect)
    .option("--inherit-env", "pass on this environment, but for what is about the user and the session")
    .option("--trace-tag <tag>", "mark it, and what it leads to, with this tag")
    .option("--trace-id <id>", "mark it as this execution or trigger instance is marked")
    .option("-h, --help", "print this help; behind an action's ref, its parameters");
  withExample(
    noun,
    'petrel run core.local "df -h /" --host web-1',
    "petrel run mypack.output_context @text=notes.txt count=3 --labels role=web",
    "petrel run mypack.deploy --host web-1 --tail",
    "petrel run mypack.deploy --labels role=web --batch 10 --max-failures 2",
    "petrel run core.local --help",
  ).action(
    async (action: string | undefined, words: readonly string[], options: RunOptions, self: Command) => {
      if (action === undefined) {
        if (options.help) return self.help();
        throw new PetrelError("CLI_USAGE", "missing required argument 'action'", {
          hint: "`petrel run --help` shows how it is used, `petrel action list` what there is",
        });
      }
      if (options.help) return showActionHelp(context, self, action);
      const target = targetOf(options);
      const roll_out = rollOutOf(options);
      if (options.tail && (options.async || options.timeout !== undefined)) {
        throw new PetrelError("CLI_USAGE", "--tail goes with neither --async nor --timeout");
      }
      const api = context.api(self);
      const schemas = actionParameters(await definitionOf(api, action));
      const given = runParameters(words, schemas, (path) => readTextFile(io.cwd, path));
      const parameters = withEnvironment(given, schemas, options, io.env);
      const trace_tag = await traceTagOf(api, options);
      const body = { action, parameters, target, roll_out, user: io.user, trace_tag, ...startOf(options) };
      if (options.dryRun) {
        const preview = await api.ask("POST", "/v1/executions", { body: { ...body, dry_run: true } });
        return context.printRecord(self, preview, preview);
      }
      const { items } = await api.ask<{ items: readonly Execution[] }>("POST", "/v1/executions", { body });
      // One shape whatever the fleet is like today: a list exactly when labels were given, but for one that goes over them.
      const many = options.labels !== undefined && roll_out === undefined;
      if (options.tail) return showTail(context, self, items);
      await showOutcome(context, self, items, { many, ...options });
    },
  );
};
