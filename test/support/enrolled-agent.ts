/** Agents that enrol with a real hub, as a user would do it. */
import { join } from "node:path";
import type { NewToken } from "../../hub/enrolment/enrolment-desk.ts";
import { type Daemon, startDaemon, type TestHub } from "./fleet.ts";
import { type Ended, runPetrel } from "./run-petrel.ts";
import { tempFolder } from "./temp-folder.ts";
import { waitUntil } from "./wait-until.ts";

export interface EnrolledAgent {
  readonly id: string;
  readonly data: string;
  /** Runs `petrel-agent enroll`; the token goes by the environment unless `args` says otherwise. */
  enroll(token: string | null, args?: readonly string[], env?: Record<string, string>): Promise<Ended>;
  start(env?: Record<string, string>): Daemon;
}

/** Whoever runs the test: as installed, actions run as the user `petrel`, which need not be there. */
export const ownUser: Readonly<Record<string, string>> =
  process.getuid?.() === 0 ? { PETREL_AGENT_ACTIONS_USER: "root" } : {};

/** `own`: its environment, when it enrols and when it runs. */
export async function enrolledAgent(
  hub: Pick<TestHub, "mqtt">,
  id: string,
  own: Readonly<Record<string, string>> = {},
): Promise<EnrolledAgent> {
  const folder = await tempFolder("agent");
  const data = join(folder, "data");
  return {
    id,
    data,
    enroll: (token, args = [], env = {}) =>
      runPetrel(["enroll", "--hub", hub.mqtt, "--id", id, "--data", data, ...args], {
        command: "petrel-agent",
        env: { ...own, ...env, ...(token !== null && { PETREL_ENROLL_TOKEN: token }) },
      }),
    start: (env = {}) =>
      startDaemon("petrel-agent", ["run", "--data", data], join(folder, "log"), { ...own, ...env }),
  };
}

export async function newToken(hub: TestHub, body: object = {}): Promise<string> {
  return (await hub.api<NewToken>("POST", "/v1/agent-tokens", body)).token;
}

/** Waits until the hub has this agent online, or away. */
export function agentIs(hub: TestHub, id: string, online: boolean): Promise<unknown> {
  return waitUntil(`agent ${id} ${online ? "online" : "away"}`, async () => {
    const { items } = await hub.api<{ items: { id: string; online: boolean; incarnation: unknown }[] }>(
      "GET",
      "/v1/agents",
    );
    return items.some((agent) => agent.id === id && agent.online === online && agent.incarnation !== null);
  });
}
