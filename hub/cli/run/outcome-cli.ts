/** Waiting for executions, and showing what came of them. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Command } from "commander";
import { CommandEnded } from "../../../shared/cli/program-cli.ts";
import { PetrelError } from "../../../shared/errors.ts";
import type { Execution } from "../../../shared/model/execution.ts";
import type { ApiClient } from "../api-client-http.ts";
import type { CliContext } from "../context-cli.ts";
import { executionSummary, withChildren } from "../execution/execution-summary.ts";
import { toJson } from "../output.ts";

const ended = new Set(["succeeded", "failed", "timeout", "canceled", "abandoned"]);
/** Milliseconds between two looks at an execution: short at first, most actions are. */
const firstLookMs = 30;
const slowestLookMs = 1000;
/** A large result follows its execution's end; it is waited for this long, since its agent may have gone. */
const resultWaitMs = 30_000;

const hasEnded = ({ status }: Execution) => ended.has(status);
const isWhole = (execution: Execution) =>
  hasEnded(execution) && (execution.result !== null || execution.result_blob === null);

/** Looks until all have ended or the time is over; what has not ended is given as it was seen last. */
async function waitForAll(
  api: ApiClient,
  started: readonly Execution[],
  waitMs: number,
  look: (seen: readonly Execution[]) => void,
): Promise<Execution[]> {
  let deadline = performance.now() + waitMs;
  let areEnded = false;
  const seen = [...started];
  for (let pauseMs = firstLookMs; ; pauseMs = Math.min(pauseMs * 1.5, slowestLookMs)) {
    for (const [i, execution] of seen.entries()) {
      if (isWhole(execution)) continue;
      seen[i] = await api.ask<Execution>("GET", `/v1/executions/${execution.id}`);
    }
    look(seen);
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
  if (context.globals(command).json) {
    const full = await Promise.all(executions.map((each) => withChildren(context.api(command), each)));
    return context.io.out(toJson(many ? full : full[0]));
  }
  for (const [i, execution] of executions.entries()) {
    if (i > 0) await context.io.out("---\n");
    const full = await withChildren(context.api(command), execution);
    await context.printRecord(command, full, executionSummary(full));
  }
}

export interface Waiting {
  /** A list is printed. */
  readonly many: boolean;
  readonly async?: boolean | undefined;
  /** Seconds. */
  readonly timeout?: number | undefined;
}

/** Tells how far a fan-out is, in a line each time that is news. */
function progressTeller(context: CliContext): (seen: readonly Execution[]) => void {
  let told = "";
  return ([first]) => {
    const plan = first?.fan_out;
    if (plan === undefined) return;
    const ends = plan.succeeded + plan.failed;
    const width = 20;
    const bar = "#".repeat(Math.floor((ends / plan.agents.length) * width)).padEnd(width, ".");
    const failures = plan.failed > 0 ? `, ${plan.failed} without success` : "";
    const text = `[${bar}] ${ends} of ${plan.agents.length} ended, ${plan.started - ends} under way${failures}\n`;
    if (text !== told) context.io.err(text);
    told = text;
  };
}

/** Waits unless told not to, prints, and ends with 1 when one did not succeed. EXECUTION_WAIT when the wait is over. */
export async function showOutcome(
  context: CliContext,
  command: Command,
  items: readonly Execution[],
  { many, async, timeout }: Waiting,
): Promise<void> {
  if (async) return print(context, command, items, many);
  const api = context.api(command);
  const ids = items.map(({ id }) => id).join(" ");
  context.io.exitOnInterrupt(`it goes on: petrel execution get ${ids}`);
  const last = await waitForAll(api, items, (timeout ?? 3600) * 1000, progressTeller(context));
  await print(context, command, last, many);
  const open = last.filter((execution) => !hasEnded(execution));
  if (open.length > 0) {
    throw new PetrelError("EXECUTION_WAIT", `not ended yet: ${open.map(({ id }) => id).join(" ")}`, {
      hint: "`petrel execution get ID` shows how it goes on, `petrel execution cancel ID` ends it",
    });
  }
  if (last.some(({ status }) => status !== "succeeded")) throw new CommandEnded(1);
}
