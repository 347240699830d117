/** Showing what came of executions: at once, or when they have ended. */
import type { Command } from "commander";
import { CommandEnded } from "../../../shared/cli/program-cli.ts";
import { PetrelError } from "../../../shared/errors.ts";
import type { ExecutionView } from "../../http/views.ts";
import type { CliContext } from "../context-cli.ts";
import { executionSummary, withChildren } from "../execution/execution-summary.ts";
import { toJson, toTable } from "../output.ts";
import { waitForAll } from "./wait-cli.ts";

async function print(
  context: CliContext,
  command: Command,
  executions: readonly ExecutionView[],
  many: boolean,
): Promise<void> {
  const api = context.api(command);
  if (context.globals(command).json) {
    const full: ExecutionView[] = [];
    for (const each of executions) full.push(await withChildren(api, each));
    return context.io.out(toJson(many ? full : full[0]));
  }
  for (const [i, execution] of executions.entries()) {
    if (i > 0) await context.io.out("---\n");
    const full = await withChildren(api, execution);
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

/** Commands that show how these go on. */
export function howToLook(executions: readonly Pick<ExecutionView, "id" | "action">[]): string {
  const [first] = executions;
  if (first === undefined) return "petrel execution list";
  return executions.length === 1
    ? `petrel execution get ${first.id}`
    : `petrel execution list --action ${first.action}`;
}

/** What has begun: its ids, and how to look after it. */
async function printStarted(
  context: CliContext,
  command: Command,
  executions: readonly ExecutionView[],
  many: boolean,
): Promise<void> {
  if (context.globals(command).json) return print(context, command, executions, many);
  const { io } = context;
  const columns = [
    { header: "ID", value: ({ id }: ExecutionView) => id },
    {
      header: "AGENT",
      value: ({ agent, fan_out: plan }: ExecutionView) =>
        plan === undefined ? agent : `${plan.agents.length} agents`,
    },
    { header: "STATUS", value: ({ status }: ExecutionView) => status },
    { header: "REASON", value: ({ reason }: ExecutionView) => reason, cut: true },
  ];
  await io.out(toTable(executions, columns, { columns: io.columns, nowMs: io.now() }));
  const tail = executions.length === 1 ? `, petrel execution tail ${executions[0]?.id}` : "";
  io.err(`how it goes on: ${howToLook(executions)}${tail}\n`);
}

/** Tells how far a fan-out is, in a line each time that is news. */
function progressTeller(context: CliContext): (seen: readonly ExecutionView[]) => void {
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

/** Said when a policy tries again: it is waited for, and the ids change. */
export function attemptNote(before: ExecutionView, next: ExecutionView): string {
  const { id, attempt, agent, status, retried_by: policy } = next;
  const when = status === "delayed" && next.start_at !== undefined ? `, at ${next.start_at}` : "";
  const end = `attempt ${before.attempt} on ${agent}: ${before.status}`;
  return `${end}; ${policy ?? "a policy"} tries again${when}: attempt ${attempt} is ${id}\n`;
}

/**
 * Waits unless told not to, prints, and ends with 1 when one did not succeed. What is tried again is followed to its last
 * attempt. EXECUTION_WAIT when the wait is over.
 */
export async function showOutcome(
  context: CliContext,
  command: Command,
  items: readonly ExecutionView[],
  { many, async, timeout }: Waiting,
): Promise<void> {
  if (async) return printStarted(context, command, items, many);
  const { io } = context;
  const api = context.api(command);
  io.exitOnInterrupt(`it goes on: ${howToLook(items)}`);
  const waited = await waitForAll(items, {
    api,
    waitMs: (timeout ?? 3600) * 1000,
    look: progressTeller(context),
    again: (before, next) => {
      io.err(attemptNote(before, next));
      if (items.length === 1) io.exitOnInterrupt(`it goes on: ${howToLook([next])}`);
    },
  });
  const last = waited.map(({ execution }) => execution);
  await print(context, command, last, many);
  const open = waited.filter(({ isOver }) => !isOver).map(({ execution }) => execution.id);
  if (open.length > 0) {
    const rest = open.length > 10 ? ` and ${open.length - 10} more` : "";
    throw new PetrelError("EXECUTION_WAIT", `not ended yet: ${open.slice(0, 10).join(" ")}${rest}`, {
      hint: "`petrel execution get ID` shows how it goes on, `petrel execution cancel ID` ends it",
    });
  }
  if (last.some(({ status }) => status !== "succeeded")) throw new CommandEnded(1);
}
