/** Rewrites a program so that Node starts it as another user with all of its groups. Pure. */
import { PetrelError } from "../../shared/errors.ts";
import type { Account } from "./action-user.ts";
import { executionVariable, fallbackPath } from "./environment.ts";
import type { GatedProgram } from "./gated-process.ts";
import { gateLine } from "./runners/shell-text.ts";

/**
 * Without further groups the kernel is asked directly. With some it takes setpriv(1): it becomes the user first and only
 * then takes over the action's environment, from the gate, since a variable such as LD_PRELOAD would otherwise bring an
 * author's code into a process of root. Throws ACTION_USER and PARAMETER_INVALID.
 */
export function asUser(program: GatedProgram, account: Account, setpriv: string | null): GatedProgram {
  const { uid, gid, groups } = account;
  if (groups.length === 0) return { ...program, ids: { uid, gid, groups: [] } };
  if (setpriv === null)
    throw new PetrelError("ACTION_USER", `'${account.name}' belongs to several groups, which takes setpriv`, {
      hint: "install util-linux on the agent's host, or run the action as a user of one group",
    });
  const { [executionVariable]: execution = "" } = program.env;
  const descriptor = program.channel === undefined ? 0 : 3;
  const become = ["--reuid", uid, "--regid", gid, "--groups", groups.join(",")].map(String);
  const take = ["/bin/sh", "-c", takeEnvironment(descriptor), "sh", program.command, ...program.args];
  return {
    ...program,
    command: setpriv,
    args: [...become, "--", ...take],
    env: { PATH: fallbackPath, [executionVariable]: execution },
    gate: `${Object.entries(program.env).map(variableLine).join("")}\n${program.gate}`,
  };
}

function variableLine([name, value]: readonly [string, string]): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return gateLine(`${name}=${value}`);
  throw new PetrelError(
    "PARAMETER_INVALID",
    `the variable '${name}' cannot be given to a user of several groups`,
    {
      hint: "use letters, digits and '_' in its name",
    },
  );
}

/** Reads `NAME=value` lines up to an empty one, then is the program. A gate that never opens ends it. */
function takeEnvironment(descriptor: number): string {
  const read = `IFS= read -r PETREL_LINE <&${descriptor} || exit 125`;
  const take = `PETREL_VALUE=$(printf '%b.' "\${PETREL_LINE#*=}"); export "\${PETREL_LINE%%=*}=\${PETREL_VALUE%.}"`;
  const loop = `while ${read}; [ -n "$PETREL_LINE" ]; do ${take}; done`;
  return `${loop}; unset PETREL_LINE PETREL_VALUE; exec "$@"`;
}
