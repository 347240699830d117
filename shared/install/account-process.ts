/** Accounts of the system that an installation needs. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { PetrelError } from "../errors.ts";

const run = promisify(execFile);

/** Makes a user without a login and with a group of its own, if there is none. True when it was made. INSTALL_USER. */
export async function makeUser(name: string, home: string): Promise<boolean> {
  if (await isUser(name)) return false;
  try {
    const shell = "/usr/sbin/nologin";
    await run("useradd", [
      "--system",
      "--user-group",
      "--no-create-home",
      "--home-dir",
      home,
      "--shell",
      shell,
      name,
    ]);
    return true;
  } catch (cause) {
    throw new PetrelError("INSTALL_USER", `user ${name} cannot be made: ${(cause as Error).message}`, {
      hint: `make a system user of that name by hand, and run the command again`,
      cause,
    });
  }
}

async function isUser(name: string): Promise<boolean> {
  try {
    await run("id", ["-u", name]);
    return true;
  } catch {
    return false;
  }
}
