/** The runner `noop`: succeeds and does nothing (st2 docs, Action Runners). */
import type { Runner } from "./runner.ts";

export const noopRunner: Runner = {
  name: "noop",
  mayPause: false,
  isInstant: true,
  run: async (_request, context) => {
    await context.started(null);
    return { status: "succeeded", result: { failed: false, succeeded: true, return_code: 0 } };
  },
};
