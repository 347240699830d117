/** A real agent with a long queue: stopped in the middle of it, hurried, and asked to cancel what is just ending. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { groupAlive } from "../../agent/actions/group-process.ts";
import { socketOf } from "../../agent/agent-folder-fs.ts";
import { askStatus } from "../../agent/status/ask-http.ts";
import { type EventType, isFinal, nextStatus } from "../../hub/executions/life.ts";
import type { Execution, Status } from "../../shared/model/execution.ts";
import { agentReady, createAgent, createHub, type TestAgent, type TestHub } from "../support/fleet.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

/** `npm run test:long` has a thousand. */
const count = Number(process.env.PETREL_QUEUE_LENGTH ?? 150);
/** Requests under way at once while the queue is filled. */
const asking = 16;

interface Fleet {
  readonly hub: TestHub;
  readonly agent: TestAgent;
  /** What actions have written down: the ids of their executions. */
  readonly begun: string;
}

async function fleet(env: Record<string, string>): Promise<Fleet> {
  const hub = await createHub();
  const agent = await createAgent(hub, "web-1");
  await hub.start();
  agent.start(env);
  await agentReady(hub, "web-1");
  return { hub, agent, begun: join(await tempFolder("queue"), "begun") };
}

const run = async (hub: TestHub, cmd: string): Promise<string> => {
  const target = { host: "web-1" };
  const body = { action: "core.local", target, parameters: { cmd, timeout: 900 } };
  const { items } = await hub.api<{ items: readonly Execution[] }>("POST", "/v1/executions", body);
  return items[0]?.id ?? "";
};

/** `work` for each number, so many at once. */
async function each(numbers: number, work: (n: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < numbers) await work(next++);
  };
  await Promise.all(Array.from({ length: asking }, worker));
}

const linesOf = (file: string): readonly string[] =>
  existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean) : [];

/**
 * All executions, once the agent has nothing to do and the hub has heard of each end. The agent's own figures are
 * looked at first, for they cost nothing; that it is idle is not enough, as the hub may have more on its way to it.
 */
async function settled({ hub, agent }: Fleet): Promise<readonly Execution[]> {
  const idle = async () => {
    const { actions, outbox } = await askStatus(socketOf(agent.data));
    if (actions.waiting + actions.running + outbox.entries > 0) throw new Error(JSON.stringify(actions));
    return true;
  };
  const ended = async () => {
    const executions = await hub.all<Execution>("/v1/executions");
    const open = executions.filter(({ status }) => !isFinal(status));
    if (open.length > 0) throw new Error(`${open.length} are not ended, such as ${JSON.stringify(open[0])}`);
    return executions;
  };
  await waitUntil("the agent has nothing to do", idle, undefined, 200);
  return await waitUntil("each execution has ended", ended, undefined, 1000);
}

const times = (values: readonly string[], value: string) => values.filter((each) => each === value).length;

test("many that wait while the agent is stopped: each runs, or is abandoned, or runs in the next life, none twice", async () => {
  const places = 16;
  const long = 6;
  const all = await fleet({
    PETREL_AGENT_ACTIONS_CONCURRENCY: String(places),
    PETREL_AGENT_ACTIONS_DRAIN_SECONDS: "1",
  });
  const { hub, agent, begun } = all;
  const write = `echo $ST2_ACTION_EXECUTION_ID >> ${begun}`;
  // The first ones hold all places until everything waits, and some of them outlast any drain.
  const gate = `${begun}.gate`;
  execFileSync("mkfifo", [gate]);
  const held = `${write}; : < ${gate}`;
  const ids = new Set<string>();
  const ask = async (cmd: string) => void ids.add(await run(hub, cmd));
  await each(places, (n) => ask(n < long ? `${held}; sleep 600` : held));
  await waitUntil("all places to be held", () => linesOf(begun).length === places);
  await each(count - places, () => ask(write));
  await waitUntil("the others to wait", async () => {
    const { actions } = await askStatus(socketOf(agent.data));
    if (actions.waiting < count - places) throw new Error(JSON.stringify(actions));
    return true;
  });
  writeFileSync(gate, "");
  await waitUntil("some to have run", () => linesOf(begun).length > count / 5);
  expect(await agent.stop()).toBe(0);

  // It has said so before it went.
  const abandoned = await hub.all<Execution>("/v1/executions?status=abandoned");
  expect(abandoned.length).toBeGreaterThanOrEqual(long);
  expect(abandoned.map(({ reason }) => reason)).toEqual(abandoned.map(() => "agent stopped"));
  const before = linesOf(begun);
  expect(before.length).toBeLessThan(count);

  agent.start({ PETREL_AGENT_ACTIONS_CONCURRENCY: String(places) });
  await waitUntil("the agent to be back", async () => (await askStatus(socketOf(agent.data))).link_up);
  const executions = await settled(all);
  const lines = linesOf(begun);
  expect(executions.map(({ id }) => id).sort()).toEqual([...ids].sort());
  const odd = executions.filter(({ id, status }) => {
    const runs = times(lines, id);
    return status === "succeeded" ? runs !== 1 : status !== "abandoned" || runs > 1;
  });
  expect(odd).toEqual([]);
  expect(executions.filter(({ status }) => status === "abandoned")).toHaveLength(abandoned.length);
});

test("a second signal to an agent that waits for its actions ends them at once, and the hub is told", async () => {
  const { hub, agent, begun } = await fleet({ PETREL_AGENT_ACTIONS_DRAIN_SECONDS: "3600" });
  const id = await run(hub, `echo $$ >> ${begun}; sleep 600`);
  const [group = ""] = await waitUntil("it runs", () => linesOf(begun).length > 0 && linesOf(begun));
  const daemon = agent.daemon();
  daemon.child.kill("SIGTERM");
  await waitUntil("the agent stops", () => daemon.log().includes("agent stops"));
  // Signals close together are one; one that comes while it ends would end it otherwise.
  let nextAt = 0;
  await waitUntil("the agent hurries", () => {
    if (daemon.log().includes("agent stops at once")) return true;
    if (performance.now() < nextAt) return false;
    nextAt = performance.now() + 600;
    daemon.child.kill("SIGTERM");
    return false;
  });
  expect(await daemon.ended()).toEqual({ code: 0, signal: null });
  expect(groupAlive(Number(group))).toBe(false);
  expect(await hub.api<Execution>("GET", `/v1/executions/${id}`)).toMatchObject({
    status: "abandoned",
    reason: "agent stopped",
  });
});

const events: readonly EventType[] = [
  ...(["delay", "schedule", "start", "succeed", "fail", "expire", "cancel"] as const),
  ...(["stopped", "lose", "pause", "paused", "resume", "wait", "answer"] as const),
];
const mayFollow = (from: Status, to: Status) => events.some((event) => nextStatus(from, event) === to);

test("many cancels that race with the end of their action: each is settled, and by a way that exists", async () => {
  const all = await fleet({});
  const { hub, begun } = all;
  const write = `echo $ST2_ACTION_EXECUTION_ID >> ${begun}`;
  const refused: string[] = [];
  await each(count, async (n) => {
    // Some end at once, some in a while; some cancels come before the start, some at the end, some after it.
    const id = await run(hub, n % 3 === 0 ? `${write}; sleep 0.0${n % 10}` : write);
    await sleep((n * 37) % 120);
    await hub.api("DELETE", `/v1/executions/${id}`).catch((error: Error) => refused.push(error.message));
  });
  const executions = await settled(all);
  const lines = linesOf(begun);
  expect(executions).toHaveLength(count);
  const odd = executions.filter(({ id, status, log }) => {
    const isWay = log.every(
      (entry, at) => at === 0 || mayFollow(log[at - 1]?.status ?? "failed", entry.status),
    );
    const runs = times(lines, id);
    const fits = status === "succeeded" ? runs === 1 : status === "canceled" && runs <= 1;
    return !isFinal(status) || !isWay || !fits || log.at(-1)?.status !== status;
  });
  expect(odd).toEqual([]);
  const { succeeded = [], canceled = [] } = Object.groupBy(executions, ({ status }) => status);
  expect(succeeded.length, "ended before their cancel").toBeGreaterThan(0);
  expect(canceled.length, "canceled in time").toBeGreaterThan(0);
  // Whoever came too late was told so, and nothing else went wrong.
  expect(refused.filter((message) => !/: 409 /.test(message))).toEqual([]);
});
