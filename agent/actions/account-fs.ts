/** Finds users of this host: in the files for local accounts, else by asking the name service (getent(1)). */
import { execFile } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { PetrelError } from "../../shared/errors.ts";
import type { Account } from "./action-user.ts";

const run = promisify(execFile);
/** A directory server that does not answer holds up an action, not the agent. */
const patienceMs = 5_000;
/** How long what was found may have changed unnoticed. */
const freshMs = 10_000;

/** `null` for a name that the host does not know. Remembers what it found for 10 s of `monotonic`. */
export function accountFinder(monotonic: () => number): (name: string) => Promise<Account | null> {
  const known = new Map<string, { readonly found: Promise<Account | null>; readonly at: number }>();
  return (name) => {
    const before = known.get(name);
    if (before !== undefined && monotonic() - before.at < freshMs) return before.found;
    const found = findAccount(name);
    known.set(name, { found, at: monotonic() });
    found.catch(() => known.delete(name));
    return found;
  };
}

async function findAccount(name: string): Promise<Account | null> {
  const local = lineOf(await readFile("/etc/passwd", "utf8").catch(() => ""), name);
  const line = local ?? lineOf(await ask("getent", "passwd", name), name);
  if (line === null) return null;
  return accountOf(line, local === null ? await ask("id", "-G", name) : await localGroups(name));
}

/** From the fields of a line of passwd(5) and the numbers of all groups; `null` for what is no account. */
export function accountOf(line: readonly string[], groups: string): Account | null {
  const [name = "", , uid = "", gid = "", , home = "", shell = ""] = line;
  if (!isId(uid) || !isId(gid)) return null;
  const others = groups
    .split(/\s+/)
    .filter((group) => isId(group) && group !== gid)
    .map(Number);
  return { name, uid: Number(uid), gid: Number(gid), groups: [...new Set(others)], home, shell };
}

/** The highest is what system calls read as none, and above it they count from 0 again: that is root. */
const isId = (text: string) => /^\d{1,10}$/.test(text) && Number(text) < 2 ** 32 - 1;

function lineOf(text: string, name: string): readonly string[] | null {
  const line = text.split("\n").find((each) => each.startsWith(`${name}:`));
  return line === undefined ? null : line.split(":");
}

async function localGroups(name: string): Promise<string> {
  const rows = (await readFile("/etc/group", "utf8").catch(() => ""))
    .split("\n")
    .map((row) => row.split(":"));
  return rows
    .filter(([, , , members = ""]) => members.split(",").includes(name))
    .map(([, , gid = ""]) => gid)
    .join(" ");
}

/** What it prints; empty when it knows nothing, or is not there. ACTION_USER when it gives no answer in time. */
async function ask(command: string, ...args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await run(command, [...args], { timeout: patienceMs });
    return stdout;
  } catch (error) {
    // No answer is not the answer that there is no such user, or that it has no groups.
    if ((error as { readonly killed?: boolean }).killed === true)
      throw new PetrelError(
        "ACTION_USER",
        `this host's name service gives no answer for ${patienceMs / 1000} s`,
        {
          where: [command, ...args].join(" "),
          hint: "look at the directory server; the action can be run again then",
        },
      );
    return "";
  }
}

/**
 * The first folder on the way to `path`, itself included, that by its mode the account may not enter; `null` when there
 * is none. Access lists (acl(5)) are not looked at.
 */
export async function closedFolder(path: string, account: Account): Promise<string | null> {
  const above = dirname(path);
  const higher = above === path ? null : await closedFolder(above, account);
  if (higher !== null) return higher;
  const { mode, uid, gid } = await stat(path);
  const isOfGroup = gid === account.gid || account.groups.includes(gid);
  const bit = uid === account.uid ? 0o100 : isOfGroup ? 0o010 : 0o001;
  return account.uid === 0 || (mode & bit) !== 0 ? null : path;
}
