/** Decides which user of the host an action runs as: the host's own file has the last word, not the hub. Pure. */
import { PetrelError } from "../../shared/errors.ts";
import type { ActionRequestEntry } from "../../shared/wire/messages.ts";

/** A user of this host, as passwd(5) and group(5) have it. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** Numbers of the groups it belongs to besides `gid`. */
  readonly groups: readonly number[];
  readonly home: string;
  readonly shell: string;
}

/** What `agent.yaml` says under `actions`. */
export interface UserRules {
  /** Whom actions run as that ask for nobody; `null`: the agent's own user. */
  readonly user: string | null;
  /** Whom an action may ask for with `run_as`, besides `user`. */
  readonly runAs: readonly string[];
  /** Whether an action with `sudo` gets a root agent's own rights; otherwise the host's sudo decides. */
  readonly sudo: boolean;
}

/** Who the agent itself is. */
export interface OwnUser {
  readonly name: string;
  readonly isRoot: boolean;
}

/** Whom a root agent's actions run as when its file says nothing. */
const unprivilegedUser = "petrel";

/** What useradd(8) takes. */
const userName = /^[a-z_][a-z0-9_.-]{0,31}$/;

/**
 * The rules of the file for this agent. With `dev` (one machine, tried out) actions run as the agent's own user unless
 * the file names one. Throws CONFIG_INVALID when an agent that is not root is to run actions as somebody else.
 */
export function userRules(
  { user, run_as: runAs, sudo }: { user: string | null; run_as: readonly string[]; sudo: boolean },
  dev: boolean,
  own: OwnUser,
): UserRules {
  if (user !== null && user !== own.name && !own.isRoot)
    throw new PetrelError(
      "CONFIG_INVALID",
      `actions.user is '${user}', and the agent runs as '${own.name}'`,
      {
        hint: "leave it out, or run the agent as root",
      },
    );
  return { user: user ?? (own.isRoot && !dev ? unprivilegedUser : null), runAs, sudo };
}

/**
 * The name of another user to run it as; `null`: the agent's own. Throws RUN_AS_REFUSED when the host does not allow
 * what it asks for, PARAMETER_INVALID when that is no name.
 */
export function chooseUser(
  request: Pick<ActionRequestEntry, "action" | "runner_parameters">,
  rules: UserRules,
  own: OwnUser,
): string | null {
  const { run_as: asked = null, sudo } = request.runner_parameters;
  const usual = rules.user ?? own.name;
  if (asked === null || asked === "") {
    const isOwn = usual === own.name || (sudo === true && own.isRoot && rules.sudo);
    return isOwn ? null : usual;
  }
  if (typeof asked !== "string" || !userName.test(asked))
    throw new PetrelError(
      "PARAMETER_INVALID",
      `parameter 'run_as' of ${request.action} is no name of a user`,
    );
  if (sudo === true)
    throw new PetrelError("PARAMETER_INVALID", `${request.action} asks for both 'run_as' and 'sudo'`, {
      hint: "leave one of them out",
    });
  if (asked !== usual && !rules.runAs.includes(asked))
    throw new PetrelError("RUN_AS_REFUSED", `this host lets no action run as '${asked}'`, {
      where: request.action,
      hint: `if it shall, add '${asked}' to actions.run_as in the agent's agent.yaml`,
    });
  if (asked === own.name) return null;
  if (!own.isRoot)
    throw new PetrelError("RUN_AS_REFUSED", `the agent runs as '${own.name}' and cannot become '${asked}'`, {
      where: request.action,
      hint: "only an agent that runs as root can run actions as somebody else",
    });
  return asked;
}

/** The agent's variables as another user has them: who it is and where it lives are its own. */
export function environmentOf(
  base: Readonly<Record<string, string>>,
  account: Account,
): Record<string, string> {
  // The agent's own folder for temporary files is closed to others more often than not.
  const { TMPDIR: _, ...rest } = base;
  return {
    ...rest,
    HOME: account.home,
    USER: account.name,
    LOGNAME: account.name,
    SHELL: account.shell === "" ? "/bin/sh" : account.shell,
  };
}
