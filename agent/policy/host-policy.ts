/**
 * What the policy file of a host allows: packs, sensors, actions, runners and users. The host's last word on what a hub
 * asks of it (docs/guides/host-policy.md). Pure.
 */
import { PetrelError } from "../../shared/errors.ts";
import { compileWildcard } from "../../shared/rules/wildcard.ts";
import type { ActionRequestEntry } from "../../shared/wire/messages.ts";

/** What there can be a list of, with the word for one of it. */
export const subjects = {
  packs: "pack",
  sensors: "sensor",
  actions: "action",
  runners: "runner",
  users: "user",
} as const;

export type Subject = keyof typeof subjects;

/** Names, or patterns of names as in `actions.limits`. An absent list says nothing, an empty one names nothing. */
export type NameLists = { readonly [S in Subject]?: readonly string[] };

/** The file as it was read. What `deny` names is refused whatever `allow` says. */
export interface PolicyRules {
  readonly allow: NameLists & { readonly sudo?: boolean; readonly upgrades?: boolean };
  readonly deny: NameLists;
}

/** What a refusal was made by; `names`: an action that claims to be of another pack. */
export type RefusedBy = Subject | "sudo" | "names" | "upgrades";

export interface Refusal {
  readonly by: RefusedBy;
  /** HOST_REFUSED. */
  readonly error: PetrelError;
}

/** Of a request, what the policy looks at. */
export type JudgedRequest = Pick<ActionRequestEntry, "action" | "pack" | "runner" | "runner_parameters">;

/** These start no process of a user. */
const withoutProcess: ReadonlySet<string> = new Set(["noop", "http-request"]);

type Test = (name: string) => boolean;

export class HostPolicy {
  readonly #allow: ReadonlyMap<Subject, Test>;
  readonly #deny: ReadonlyMap<Subject, Test>;
  readonly #sudo: boolean;
  readonly #upgrades: boolean;

  constructor({ allow, deny }: PolicyRules) {
    this.#allow = tests(allow);
    this.#deny = tests(deny);
    this.#sudo = allow.sudo ?? true;
    const { sudo = true, upgrades, ...lists } = allow;
    // What a hub installs runs as root: a file that takes anything away takes that away too, unless it says otherwise.
    const takesNothing = sudo && [...Object.values(lists), ...Object.values(deny)].length === 0;
    this.#upgrades = upgrades ?? takesNothing;
  }

  /** `null` when the hub may have the agent become another version. */
  judgeUpgrade(): Refusal | null {
    if (this.#upgrades) return null;
    const message = "the policy of this host does not let its hub upgrade the agent";
    return {
      by: "upgrades",
      error: new PetrelError("HOST_REFUSED", message, {
        where: "allow.upgrades",
        hint: "whoever administers the host can write `upgrades: true` under `allow` in the agent's policy.yaml there",
      }),
    };
  }

  /** `null` when the file lets it be. */
  judge(subject: Subject, name: string): Refusal | null {
    if (this.#deny.get(subject)?.(name) === true) return refusal(subject, name, "deny");
    const allowed = this.#allow.get(subject);
    return allowed === undefined || allowed(name) ? null : refusal(subject, name, "allow");
  }

  /**
   * `null` when it may run. `user` answers which user of this host its process would be of; `null`: that is not
   * known, and the request comes to nothing for another reason. It is asked only where a process is started.
   */
  judgeRequest(request: JudgedRequest, user: () => string | null): Refusal | null {
    const { action, pack, runner, runner_parameters: parameters } = request;
    // Both come from the hub, and each is looked up in a list of its own.
    if (!action.startsWith(`${pack}.`)) return otherPack(action, pack);
    const refused =
      this.judge("packs", pack) ?? this.judge("actions", action) ?? this.judge("runners", runner);
    if (refused !== null || withoutProcess.has(runner)) return refused;
    const sudo = parameters.sudo === true;
    if (sudo && !this.#sudo) return noSudo(action);
    const name = user();
    // With sudo it is that user at first and root in the end.
    const names = [...(name === null ? [] : [name]), ...(sudo ? ["root"] : [])];
    for (const each of names) {
      const found = this.judge("users", each);
      if (found !== null) return found;
    }
    return null;
  }
}

function tests(lists: NameLists): ReadonlyMap<Subject, Test> {
  const names = Object.keys(subjects) as Subject[];
  return new Map(
    names.flatMap((subject): [Subject, Test][] => {
      const list = lists[subject];
      return list === undefined ? [] : [[subject, anyOf(list)]];
    }),
  );
}

/** Whether a name is one of these, or fits one of these patterns. */
function anyOf(list: readonly string[]): Test {
  const exact = new Set(list.filter((entry) => !isPattern(entry)));
  const patterns = list.filter(isPattern).map(compileWildcard);
  return (name) => exact.has(name) || patterns.some((fits) => fits(name));
}

export const isPattern = (entry: string): boolean => /[*?[]/.test(entry);

const fix = "whoever administers the host can allow it in the agent's policy.yaml there";

/** The list is named and never shown: what a host allows is not the hub's to know. */
function refusal(subject: Subject, name: string, list: "allow" | "deny"): Refusal {
  const message = `the policy of this host does not allow ${subjects[subject]} '${name}'`;
  return {
    by: subject,
    error: new PetrelError("HOST_REFUSED", message, { where: `${list}.${subject}`, hint: fix }),
  };
}

function noSudo(action: string): Refusal {
  const message = `the policy of this host does not allow sudo, which ${action} asks for`;
  return { by: "sudo", error: new PetrelError("HOST_REFUSED", message, { where: "allow.sudo", hint: fix }) };
}

function otherPack(action: string, pack: string): Refusal {
  const message = `the policy of this host takes no action '${action}' out of pack '${pack}'`;
  return {
    by: "names",
    error: new PetrelError("HOST_REFUSED", message, {
      where: action,
      hint: "a hub never asks for this by itself: look at who speaks for it",
    }),
  };
}
