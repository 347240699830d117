/** Reads the policy file of this host, once it is known that nobody else can have written it. */
import { constants, type Stats } from "node:fs";
import { lstat, open, readlink } from "node:fs/promises";
import { dirname, join, parse, resolve, sep } from "node:path";
import { digestOf } from "../../shared/blobs/blob-ref.ts";
import type { Clock } from "../../shared/clock.ts";
import { PetrelError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import { runners } from "../../shared/packs/runners.ts";
import { chooseUser, type UserRules } from "../actions/action-user.ts";
import { ownUser } from "../actions/action-users-process.ts";
import { HostPolicy, type JudgedRequest } from "./host-policy.ts";
import { parsePolicy } from "./parse-policy.ts";
import { PolicyInForce, type PolicyReading } from "./policy-in-force.ts";
import { type PathStep, stepFault } from "./trusted-path.ts";

/** Read where no setting names another; it need not exist. */
export const usualPolicy = "/etc/petrel/policy.yaml";

/**
 * The policy of this host as it is now, to be read again with `reload`. `named` as for `readPolicy`, and so it rejects;
 * `users`: whom actions run as by the settings.
 */
export async function openPolicy(
  named: string | null,
  users: UserRules,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): Promise<PolicyInForce> {
  const read = () => readPolicy(named, [...runners.keys()]);
  const own = ownUser();
  const userOf = (request: JudgedRequest) => chooseUser(request, users, own) ?? own.name;
  return new PolicyInForce({ first: await read(), read, userOf, clock, log });
}

/** As Linux itself allows (path_resolution(7)). */
const mostLinks = 40;
const mostBytes = 1024 * 1024;

/**
 * `named`: the path that a setting gives; `null`: the usual one, and `null` is the answer where that does not exist.
 * `runners`: those that this agent has. Rejects with FILE_UNREADABLE, POLICY_UNSAFE and CONFIG_INVALID.
 */
export async function readPolicy(
  named: string | null,
  runners: readonly string[],
  usual: string = usualPolicy,
): Promise<PolicyReading | null> {
  const path = resolve(named ?? usual);
  try {
    const { real, ino, dev } = await trusted(path);
    const bytes = await contentOf(real, { ino, dev });
    const rules = parsePolicy(new TextDecoder("utf-8", { fatal: true }).decode(bytes), path, runners);
    return { path, digest: digestOf(bytes), policy: new HostPolicy(rules) };
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (named === null && (code === "ENOENT" || code === "ENOTDIR")) return null;
    if (cause instanceof PetrelError) throw cause;
    throw new PetrelError("FILE_UNREADABLE", `the policy of this host cannot be read: ${textOf(cause)}`, {
      where: path,
      hint: "put it there, or mend `policy` of agent.yaml; without its policy the agent does not work",
      cause,
    });
  }
}

const textOf = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause));

/** Follows the path step by step, links too: each could be turned elsewhere by who may write beside it. */
async function trusted(path: string): Promise<{ readonly real: string } & Pick<Stats, "ino" | "dev">> {
  const ownUid = process.getuid?.() ?? 0;
  let at = parse(path).root;
  let left = path.slice(at.length).split(sep).filter(Boolean);
  let links = 0;
  /** Of what is left, how much does not come from a link. */
  let own = left.length;
  for (;;) {
    const stats = await lstat(at).catch((error: NodeJS.ErrnoException) => {
      // Somebody meant a policy to be there: that is not the same as none.
      if (error.code === "ENOENT" && links > 0 && left.length >= own)
        throw unsafe(path, `a link on its way leads to ${at}, which is not there`);
      throw error;
    });
    const kind = kindOf(stats);
    const fault = stepFault({ path: at, kind, uid: stats.uid, mode: stats.mode }, ownUid);
    if (fault !== null) throw unsafe(path, fault);
    if (kind === "link") {
      if (++links > mostLinks) throw unsafe(path, "it goes through too many links");
      own = Math.min(own, left.length);
      const leadsTo = resolve(dirname(at), await readlink(at));
      at = parse(leadsTo).root;
      left = [...leadsTo.slice(at.length).split(sep).filter(Boolean), ...left];
      continue;
    }
    const [next, ...rest] = left;
    if (next === undefined) {
      if (kind !== "file") throw unsafe(path, `${at} is no file`);
      return { real: at, ino: stats.ino, dev: stats.dev };
    }
    at = join(at, next);
    left = rest;
  }
}

function kindOf(stats: Stats): PathStep["kind"] {
  if (stats.isSymbolicLink()) return "link";
  if (stats.isDirectory()) return "folder";
  return stats.isFile() ? "file" : "other";
}

/** Of the very file that was looked at. */
async function contentOf(path: string, seen: Pick<Stats, "ino" | "dev">): Promise<Uint8Array> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const { ino, dev, size } = await handle.stat();
    if (ino !== seen.ino || dev !== seen.dev) throw unsafe(path, "it was replaced while it was read");
    if (size > mostBytes) throw unsafe(path, `it has ${size} bytes; ${mostBytes} are allowed`);
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

function unsafe(path: string, fault: string): PetrelError {
  return new PetrelError("POLICY_UNSAFE", `the policy of this host cannot be trusted: ${fault}`, {
    where: path,
    hint: "give it and the folders above it to root, and take the right to write from everybody else (chmod go-w)",
  });
}
