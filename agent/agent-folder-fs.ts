/** Where an agent keeps its data when nobody says. */
import { homedir } from "node:os";
import { join, resolve } from "node:path";

/** Where a package puts the configuration of an installed agent. */
export const systemConfig = "/etc/petrel/agent.yaml";

/** The named folder, else the system's for root and the user's for everybody else. */
export function agentFolder(named: string | null, cwd: string): string {
  if (named !== null) return resolve(cwd, named);
  return process.getuid?.() === 0 ? "/var/lib/petrel-agent" : join(homedir(), ".petrel", "agent");
}

/** Where a running agent answers questions about itself. */
export function socketOf(folder: string): string {
  return join(folder, "agent.sock");
}

/** The first that systemd has made for the agent in memory: a drop-in may add others (systemd.exec(5)). `null`: none. */
export function runtimeFolder({ RUNTIME_DIRECTORY }: NodeJS.ProcessEnv): string | null {
  return RUNTIME_DIRECTORY?.split(":").find((folder) => folder !== "") ?? null;
}
