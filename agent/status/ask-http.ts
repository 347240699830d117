/** Asks a running agent on this host how it is, over its socket. */
import { request } from "node:http";
import { PetrelError } from "../../shared/errors.ts";
import type { AgentStatus } from "./status.ts";

const patienceMs = 5_000;

/** Rejects with AGENT_UNREACHABLE. */
export async function askStatus(path: string): Promise<AgentStatus> {
  try {
    return JSON.parse(await get(path, "/status")) as AgentStatus;
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
    const mayNot = code === "EACCES" || code === "EPERM";
    throw new PetrelError("AGENT_UNREACHABLE", `no agent answers (${code})`, {
      where: path,
      hint: mayNot
        ? "only the user that the agent runs as may ask it"
        : "start it with `petrel-agent run`, or name its folder with --data DIR",
      cause,
    });
  }
}

function get(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path, timeout: patienceMs }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
    });
    asked.on("timeout", () => asked.destroy(new Error("it is silent")));
    asked.on("error", reject);
    asked.end();
  });
}
