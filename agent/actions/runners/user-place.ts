/** Where and with which variables a runner's process runs, for the agent's own user and for another. */
import { environmentOf } from "../action-user.ts";
import type { ActionUser } from "../action-users-process.ts";
import type { GatedProgram } from "../gated-process.ts";
import { asUser } from "../other-user.ts";
import type { RunnerSettings } from "./runner.ts";

export function placeOf(
  user: ActionUser | null,
  { env, workFolder }: RunnerSettings,
): { readonly cwd: string; readonly env: Readonly<Record<string, string>> } {
  if (user === null) return { cwd: workFolder, env };
  return { cwd: user.workFolder, env: environmentOf(env, user.account) };
}

/** The program, to be run as `user`. Throws ACTION_USER and PARAMETER_INVALID. */
export function programFor(user: ActionUser | null, program: GatedProgram): GatedProgram {
  return user === null ? program : asUser(program, user.account, user.setpriv);
}
