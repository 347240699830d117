/** `petrel run`: runs an action and shows its result. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { CommandEnded, collect, wholeNumber, withExample } from "../../../shared/cli/program-cli.ts";
import { PetrelError } from "../../../shared/errors.ts";
import type { ActionDefinition } from "../../../shared/model/action.ts";
import type { Execution } from "../../../shared/model/execution.ts";
import type { ActionTarget } from "../../../shared/model/rule.ts";
import { actionParameters } from "../../../shared/packs/action-parameters.ts";
import type { ApiClient } from "../api-client-http.ts";
import type { CliContext, NounCommands } from "../context-cli.ts";
import { executionSummary } from "../execution/execution-summary.ts";
import { labelsOption } from "../labels-option.ts";
import { toJson } from "../output.ts";
import { readTextFile } from "../text-file-fs.ts";
import { runParameters } from "./run-parameters.ts";

interface RunOptions {
  readonly host?: string;
  readonly labels?: readonly string[];
  readonly mode?: string;
  readonly async?: boolean;
  readonly timeout?: number;
  readonly traceTag?: string;
}

const ended = new Set(["succeeded", "failed", "timeout", "canceled", "abandoned"]);
/** Milliseconds between two looks at an execution: short at first, most actions are. */
const firstLookMs = 30;
const slowestLookMs = 1000;
/** A large result follows its execution's end; it is waited for this long, since its agent may have gone. */
const resultWaitMs = 30_000;

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

const hasEnded = ({ status }: Execution) => ended.has(status);
const isWhole = (execution: Execution) =>
  hasEnded(execution) && (execution.result !== null || execution.result_blob === null);

/** Looks until all have ended or the time is over; what has not ended is given as it was seen last. */
async function waitForAll(
  api: ApiClient,
  started: readonly Execution[],
  waitMs: number,
): Promise<Execution[]> {
  let deadline = performance.now() + waitMs;
  let areEnded = false;
  const seen = [...started];
  for (let pauseMs = firstLookMs; ; pauseMs = Math.min(pauseMs * 1.5, slowestLookMs)) {
    for (const [i, execution] of seen.entries()) {
      if (isWhole(execution)) continue;
      seen[i] = await api.ask<Execution>("GET", `/v1/executions/${execution.id}`);
    }
    if (!areEnded && seen.every(hasEnded)) {
      areEnded = true;
      deadline = Math.min(deadline, performance.now() + resultWaitMs);
    }
    const left = deadline - performance.now();
    if (left <= 0 || seen.every(isWhole)) return seen;
    await sleep(Math.min(pauseMs, left));
  }
}

async function print(
  context: CliContext,
  command: Command,
  executions: readonly Execution[],
  many: boolean,
): Promise<void> {
  if (context.globals(command).json) return context.io.out(toJson(many ? executions : executions[0]));
  for (const [i, execution] of executions.entries()) {
    if (i > 0) await context.io.out("---\n");
    await context.printRecord(command, execution, executionSummary(execution));
  }
}

export const runCommand: NounCommands = (noun, context) => {
  const { io } = context;
  noun
    .argument("<action>", "ref of the action")
    .argument("[parameters...]", "name=value, @name=file; from the first other word on: the parameter cmd")
    .option("--host <agent>", "run it on this agent; without it, on the agent beside the hub")
    .option("--labels <key=value,...>", "run it on agents with these labels", collect)
    .option("--mode <mode>", "with --labels: all of them (as without it), or any one that is online")
    .option("-a, --async", "do not wait for the result")
    .option("--timeout <seconds>", "how long to wait for the result (3600)", wholeNumber(0, 86_400 * 7))
    .option("--trace-tag <tag>", "mark it, and what it leads to, with this tag");
  withExample(
    noun,
    'petrel run core.local "df -h /" --host web-1',
    "petrel run mypack.output_context @text=notes.txt count=3 --labels role=web",
  ).action(async (action: string, words: readonly string[], options: RunOptions, self: Command) => {
    const target = targetOf(options);
    const api = context.api(self);
    const definition = await api.ask<ActionDefinition>("GET", `/v1/actions/${encodeURIComponent(action)}`);
    const parameters = runParameters(words, actionParameters(definition), (path) =>
      readTextFile(io.cwd, path),
    );
    const body = { action, parameters, target, user: io.user, trace_tag: options.traceTag };
    const { items } = await api.ask<{ items: readonly Execution[] }>("POST", "/v1/executions", { body });
    // One shape whatever the fleet is like today: a list exactly when labels were given.
    const many = options.labels !== undefined;
    if (options.async) return print(context, self, items, many);

    const ids = items.map(({ id }) => id).join(" ");
    io.exitOnInterrupt(`it goes on: petrel execution get ${ids}`);
    const last = await waitForAll(api, items, (options.timeout ?? 3600) * 1000);
    await print(context, self, last, many);
    const open = last.filter((execution) => !hasEnded(execution));
    if (open.length > 0) {
      throw new PetrelError("EXECUTION_WAIT", `not ended yet: ${open.map(({ id }) => id).join(" ")}`, {
        hint: "`petrel execution get ID` shows how it goes on, `petrel execution cancel ID` ends it",
      });
    }
    if (last.some(({ status }) => status !== "succeeded")) throw new CommandEnded(1);
  });
};
