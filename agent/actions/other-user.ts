/** Rewrites a program so that it runs as another user with all of its groups. Pure. */
import { PetrelError } from "../../shared/errors.ts";
import type { Account } from "./action-user.ts";
import { executionVariable, fallbackPath } from "./environment.ts";
import type { GatedProgram } from "./gated-process.ts";
import { gateLine } from "./runners/shell-text.ts";

/** Variables that are read-only in a shell which is bash: to set one would end it. */
const readOnly: ReadonlySet<string> = new Set([
  "BASHOPTS",
  "BASH_VERSINFO",
  "EUID",
  "PPID",
  "SHELLOPTS",
  "UID",
]);

/**
 * By setpriv(1): it becomes the user first and only then takes over the action's environment, from the gate, since a
 * variable such as LD_PRELOAD would otherwise bring an author's code into a process of root. The agent itself never changes
 * its ids, for a moment neither: whoever is that user could send it signals then. Without setpriv Node has to do it, for a user
 * of one group. Throws ACTION_USER and PARAMETER_INVALID.
 */
export function asUser(program: GatedProgram, account: Account, setpriv: string | null): GatedProgram {
  const { uid, gid, groups } = account;
  if (setpriv === null && groups.length === 0) return { ...program, ids: { uid, gid } };
  if (setpriv === null)
    throw new PetrelError("ACTION_USER", `'${account.name}' belongs to several groups, which takes setpriv`, {
      hint: "install util-linux on the agent's host, or run the action as a user of one group",
    });
  const { [executionVariable]: execution = "" } = program.env;
  const descriptor = program.channel === undefined ? 0 : 3;
  const further = groups.length === 0 ? ["--clear-groups"] : ["--groups", groups.join(",")];
  const become = ["--reuid", String(uid), "--regid", String(gid), ...further];
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
  const isUsual = /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);
  if (isUsual && !readOnly.has(name)) return gateLine(`${name}=${value}`);
  throw new PetrelError("PARAMETER_INVALID", `the variable '${name}' cannot be given to another user`, {
    hint: isUsual ? "it is the shell's own: leave it out" : "use letters, digits and '_' in its name",
  });
}

/** Reads `NAME=value` lines up to an empty one, then is the program. A gate that never opens ends it. */
function takeEnvironment(descriptor: number): string {
  const read = `IFS= read -r PETREL_LINE <&${descriptor} || exit 125`;
  const take = `PETREL_VALUE=$(printf '%b.' "\${PETREL_LINE#*=}"); export "\${PETREL_LINE%%=*}=\${PETREL_VALUE%.}"`;
  const loop = `while ${read}; [ -n "$PETREL_LINE" ]; do ${take}; done`;
  return `${loop}; unset PETREL_LINE PETREL_VALUE; exec "$@"`;
}
