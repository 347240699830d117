/** An agent's connection for one test, with a record of what it heard. */
import { onTestFinished } from "vitest";
import {
  type AgentConnection,
  type AgentConnectionOptions,
  connectAgent,
} from "../../agent/link/agent-mqtt.ts";
import { silentLogger } from "../../shared/log.ts";
import { systemClock, systemJitter, systemTimers } from "../../shared/system-process.ts";

export interface TestAgent {
  readonly agent: AgentConnection;
  /** `kind text`, in order. */
  readonly heard: string[];
  /** `connect`, `disconnect`, in order. */
  readonly events: string[];
}

/** Backs off for milliseconds, where production waits for seconds. */
export const quickly = { backoff: { firstMs: 20, mostMs: 100 } };

export function testAgent(
  options: Pick<AgentConnectionOptions, "url"> & Partial<AgentConnectionOptions>,
): TestAgent {
  const heard: string[] = [];
  const events: string[] = [];
  const agent = connectAgent({
    id: "web-1",
    prefix: "petrel",
    presence: (state) => Buffer.from(JSON.stringify({ v: 1, state })),
    logger: silentLogger,
    clock: systemClock,
    timers: systemTimers,
    jitter: systemJitter,
    limits: quickly,
    onConnect: () => void events.push("connect"),
    onDisconnect: () => void events.push("disconnect"),
    onMessage: (kind, bytes) => void heard.push(`${kind} ${Buffer.from(bytes).toString("utf8")}`),
    ...options,
  });
  onTestFinished(() => agent.stop());
  return { agent, heard, events };
}
