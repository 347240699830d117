/** Asks a running agent on this host how it is, over its socket. */
import { catalogue, type ErrorCode, PetrelError } from "../../shared/errors.ts";
import { isObject } from "../../shared/json.ts";
import { http } from "../../shared/node-http.ts";
import type { WatchCoverage } from "../../shared/watch/questions.ts";
import type { AgentStatus } from "./status.ts";

/** Longer than the agent itself waits for a sensor. */
const patienceMs = 15_000;

/** Rejects with AGENT_UNREACHABLE. */
export function askStatus(path: string): Promise<AgentStatus> {
  return ask<AgentStatus>(path, "/status");
}

/** Rejects with AGENT_UNREACHABLE, and SENSOR_NOT_RUNNING where nothing watches. */
export function askCoverage(path: string): Promise<WatchCoverage> {
  return ask<WatchCoverage>(path, "/coverage");
}

/** The last warnings and errors of its log, oldest first. Rejects with AGENT_UNREACHABLE. */
export function askRecent(path: string): Promise<readonly string[]> {
  return ask<readonly string[]>(path, "/recent");
}

/** Its figures as Prometheus reads them. Rejects with the system's error. */
export function askMetrics(path: string): Promise<string> {
  return get(path, "/metrics");
}

async function ask<T>(path: string, route: string): Promise<T> {
  let answer: unknown;
  try {
    answer = JSON.parse(await get(path, route));
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
  if (isObject(answer) && "error" in answer) throw refusal(answer.error, path);
  return answer as T;
}

function refusal(error: unknown, path: string): PetrelError {
  if (!isObject(error)) {
    return new PetrelError("AGENT_UNREACHABLE", "the agent that runs does not know this question", {
      where: path,
      hint: "it is of an older version: restart it after the upgrade",
    });
  }
  const { code, message, fix } = error;
  if (code === "SENSOR_NOT_RUNNING") {
    return new PetrelError(code, String(message), {
      hint: "on the hub: `petrel pack assign watch --labels …` has agents watch, `petrel sensor list` shows how that goes",
    });
  }
  const isKnown = typeof code === "string" && Object.hasOwn(catalogue, code);
  return new PetrelError(isKnown ? (code as ErrorCode) : "INTERNAL", String(message), {
    ...(typeof fix === "string" && { hint: fix }),
  });
}

function get(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = http.request({ socketPath, path, timeout: patienceMs }, (response) => {
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
