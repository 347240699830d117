/** The users that this agent's actions run as, with a folder for each of them to work in. */
import { existsSync } from "node:fs";
import { chown, mkdir } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { errorReport, PetrelError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import type { ActionRequestEntry } from "../../shared/wire/messages.ts";
import { accountFinder, closedFolder } from "./account-fs.ts";
import { type Account, chooseUser, type OwnUser, type UserRules } from "./action-user.ts";

/** Another user than the agent's own, and its folder. */
export interface ActionUser {
  readonly account: Account;
  /** Where its actions run that name no `cwd`; its own, closed to others. */
  readonly workFolder: string;
  /** Absolute path of setpriv(1); `null` where there is none. */
  readonly setpriv: string | null;
}

export interface ActionUsersOptions {
  readonly rules: UserRules;
  readonly own: OwnUser;
  /** Holds one folder for each user. */
  readonly workFolder: string;
  readonly monotonic: () => number;
}

/** By no search path: it is started with root's rights. */
const setprivPlaces = ["/usr/bin/setpriv", "/bin/setpriv"];

export function ownUser(): OwnUser {
  const { username, uid } = userInfo();
  return { name: username, isRoot: uid === 0 };
}

export class ActionUsers {
  readonly #options: ActionUsersOptions;
  readonly #find: (name: string) => Promise<Account | null>;
  readonly #setpriv = setprivPlaces.find((place) => existsSync(place)) ?? null;

  constructor(options: ActionUsersOptions) {
    this.#options = options;
    this.#find = accountFinder(options.monotonic);
  }

  /** `null`: the agent's own user. Rejects with RUN_AS_REFUSED, ACTION_USER and PARAMETER_INVALID. */
  async of(request: Pick<ActionRequestEntry, "action" | "runner_parameters">): Promise<ActionUser | null> {
    const { rules, own } = this.#options;
    const name = chooseUser(request, rules, own);
    return name === null ? null : this.#user(name);
  }

  /** Says in the log what an operator should know before the first action fails of it, or does too much. */
  async announce(log: Logger): Promise<void> {
    const { rules, own, workFolder } = this.#options;
    const name = chooseUser({ action: "", runner_parameters: {} }, rules, own);
    if (name === null) {
      if (own.isRoot)
        log.warn("actions run as root", { fix: "name another user in actions.user of agent.yaml" });
      return;
    }
    try {
      const { account } = await this.#user(name);
      const closed = await closedFolder(workFolder, account);
      if (closed === null) log.info("actions run as another user", { user: name });
      else
        log.warn("actions cannot reach their packs and their folder", {
          user: name,
          closed,
          fix: "open it for others (chmod o+x), or put the agent's data elsewhere",
        });
    } catch (error) {
      const { fix } = errorReport(error);
      log.warn("actions that start a process will fail", { user: name, error, fix });
    }
  }

  async #user(name: string): Promise<ActionUser> {
    const account = await this.#find(name);
    if (account === null)
      throw new PetrelError("ACTION_USER", `actions run as '${name}' here, and the host has no such user`, {
        hint: `make it (useradd --system ${name}), or name another in actions.user of the agent's agent.yaml`,
      });
    const workFolder = join(this.#options.workFolder, name);
    try {
      await mkdir(workFolder, { recursive: true, mode: 0o700 });
      await chown(workFolder, account.uid, account.gid);
    } catch (cause) {
      throw new PetrelError("FOLDER_UNUSABLE", `'${name}' cannot be given a folder to work in`, {
        where: workFolder,
        hint: "look at free space and the mode of the agent's data folder",
        cause,
      });
    }
    return { account, workFolder, setpriv: this.#setpriv };
  }
}
