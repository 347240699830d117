/** Goes on with an execution that the agent before this one has handed over; one that cannot be gone on with is ended. */
import { errorReport } from "../../shared/errors.ts";
import type { ActionRequestEntry } from "../../shared/wire/messages.ts";
import { endSurvivors } from "./family-process.ts";
import { closePipes } from "./gated-process.ts";
import { type HandedExecution, HandedOver, type HandedProcess } from "./handed-over.ts";
import { closeAll, type KernelSpawn } from "./kernel-spawn-process.ts";
import type { RunOutcome } from "./outcome.ts";
import type { RunContext, Runner } from "./runners/runner.ts";
import type { StartedProcess } from "./started-process.ts";

export type Adopting = Pick<KernelSpawn, "adopt"> | null;

/** What `Runner.takeUp` is called with. */
interface Prepared {
  readonly request: ActionRequestEntry;
  /** `undefined`: this agent has none of that name. */
  readonly runner: Runner | undefined;
  readonly context: RunContext;
}

/** Rejects with `HandedOver` alone. Whatever else comes of it: no descriptor stays open, and its process is reaped. */
export async function takeUp(
  { execution, process: handed }: HandedExecution,
  adopting: Adopting,
  prepare: () => Promise<Prepared>,
): Promise<RunOutcome> {
  let child: StartedProcess | null = null;
  try {
    child = adoptHanded(handed, adopting);
    const { request, runner, context } = await prepare();
    if (runner?.takeUp === undefined) throw new Error(`runner '${request.runner}' cannot take it up`);
    return await runner.takeUp(request, context, handed, child);
  } catch (error) {
    if (error instanceof HandedOver) throw error;
    await endSurvivors(handed.group, execution, { graceMs: 0 });
    if (child !== null) closePipes(child);
    const reason = `it could not be taken up by the next agent: ${errorReport(error).message}`;
    return { status: "abandoned", result: { error: reason }, reason };
  }
}

/** From here on its descriptors are the returned one's. When it throws, none of them is open any more. */
export function adoptHanded({ group, fds }: HandedProcess, adopting: Adopting): StartedProcess {
  if (adopting !== null) return adopting.adopt(group.pgid, fds);
  // Nor can it be reaped: Node waits for nobody but children it has started.
  closeAll(fds);
  throw new Error("no process can be taken up without koffi");
}
