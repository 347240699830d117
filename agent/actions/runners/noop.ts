/** The runner `noop`: succeeds and does nothing (st2 docs, Action Runners). */
import type { ActionRequestEntry } from "../../../shared/wire/messages.ts";
import type { RunOutcome } from "../outcome.ts";
import type { Runner } from "./runner.ts";

export const noopOutcome = (_request: ActionRequestEntry): RunOutcome => ({
  status: "succeeded",
  result: { failed: false, succeeded: true, return_code: 0 },
});

export const noopRunner: Runner = {
  name: "noop",
  mayPause: false,
  isInstant: true,
  outcome: noopOutcome,
  run: async (request, context) => {
    await context.started(null);
    return noopOutcome(request);
  },
};
