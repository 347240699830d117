/** Threads of a binary: their programs are inside it, and what they would have done is otherwise done without them. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { sharedByFile } from "../support/at-end.ts";
import { agentReady, createAgent, createHub } from "../support/fleet.ts";
import { processesAtHome } from "../support/home-processes.ts";
import { runPetrel } from "../support/run-petrel.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

const bare = { PATH: "/usr/bin:/bin" };

const fleet = sharedByFile(async () => {
  const hub = await createHub();
  await hub.start(bare);
  const agent = await createAgent(hub, "web-1", ["role=web"]);
  agent.start(bare);
  await agentReady(hub, "web-1");
  return { hub, agent };
});

/** Threads that a program of ours runs in, as Node calls them: not those of V8 and libuv. */
function threadsOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/task`).filter(
      (thread) => readFileSync(`/proc/${pid}/task/${thread}/comm`, "utf8") === "WorkerThread\n",
    ).length;
  } catch {
    // It ended while it was looked at.
    return 0;
  }
}

test("a pattern that no linear-time engine takes is matched in a thread of the hub", async () => {
  const { hub } = fleet();
  await hub.api("POST", "/v1/rules", {
    name: "twice",
    enabled: true,
    trigger: { type: "core.st2.webhook", parameters: { url: "told" } },
    // A back-reference; and one that takes for ever, which the thread is ended for.
    criteria: {
      "trigger.body.text": { type: "regex", pattern: "(a+)-\\1$" },
      "trigger.body.long": { type: "regex", pattern: "^(?=x)(\\w+\\s?)*$" },
    },
    action: {
      ref: "core.local",
      parameters: { cmd: "echo matched {{ trigger.body.text }}" },
      target: { host: "web-1" },
    },
  });
  const pid = hub.daemon().pid;
  expect(threadsOf(pid)).toBe(0);
  const tell = (text: string, long: string) => hub.api("POST", "/v1/webhooks/told", { text, long });
  await tell("aaa-aaa", "x y");
  const [execution] = await waitUntil("the action to run", async () => {
    const found = await hub.all<{ status: string; result: { stdout?: string } | null }>("/v1/executions");
    return found.some(({ status }) => status === "succeeded") && found;
  });
  expect(execution?.result?.stdout).toBe("matched aaa-aaa");
  expect(threadsOf(pid)).toBe(1);
  await tell("aa-aa", `x${"x".repeat(60)}!`);
  // The hub answers all the while, and later ones are matched again.
  await tell("a-a", "x z");
  await waitUntil("the next action to run", async () => {
    const found = await hub.all<{ result: { stdout?: string } | null }>("/v1/executions");
    return found.some(({ result }) => result?.stdout === "matched a-a");
  });
  expect(await hub.all("/v1/executions")).toHaveLength(2);
});

test("many files are read for the first time by threads of the sensor, which end then", async () => {
  const { hub, agent } = fleet();
  const watched = await tempFolder("watched");
  const files = 8_000;
  for (let n = 0; n < files; n++) {
    const folder = join(watched, String(n % 20));
    if (n < 20) mkdirSync(folder);
    writeFileSync(join(folder, `f${n}`), `${n}`.repeat(1_000));
  }
  const paths = `paths=${JSON.stringify([{ path: watched }])}`;
  const assign = ["pack", "assign", "watch", "--labels", "role=web", "--set", paths, "--data", hub.data];
  expect(await runPetrel(assign, { env: bare })).toMatchObject({ code: 0 });
  const sensor = () => processesAtHome(agent.daemon().home).find((one) => one.sensor?.includes("watch"));
  const pid = await waitUntil(
    "a thread that reads",
    () => {
      const found = sensor();
      return found !== undefined && threadsOf(found.pid) > 0 && found.pid;
    },
    60_000,
    20,
  );
  await waitUntil("its end", () => threadsOf(pid) === 0);
  expect(sensor()?.pid).toBe(pid);
  expect(agent.daemon().log()).not.toMatch(/reading thread/);
});
