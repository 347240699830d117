/** Kills an agent's action side with SIGKILL at each place that matters, and looks at what the next life makes of it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";
import { groupAlive } from "../../agent/actions/group-process.ts";
import type { ActionPoint } from "../../agent/kill-points.ts";
import type { DownEntry, ExecutionUpdateEntry } from "../../shared/wire/messages.ts";
import { actionRequest } from "../support/runner-settings.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

const program = fileURLToPath(new URL("../fixtures/programs/action-agent-main.ts", import.meta.url));
/** A hundred lives load the same files: they are compiled once. */
const { NODE_COMPILE_CACHE: cache } = process.env;
const compiled = cache === undefined ? {} : { NODE_COMPILE_CACHE: cache };
const finals = new Set(["succeeded", "failed", "timeout", "abandoned", "canceled"]);

interface Life {
  readonly child: ChildProcess;
  readonly updates: ExecutionUpdateEntry[];
  readonly exited: Promise<{ code: number | null; signal: string | null }>;
  isRecovered(): boolean;
}

/** One life of the agent on `folder`; it takes the entries after its mark. */
function live(folder: string, entries: readonly DownEntry[], env: Record<string, string> = {}): Life {
  const file = join(folder, "entries.ndjson");
  writeFileSync(file, entries.map((entry) => JSON.stringify(entry)).join("\n"));
  const child = spawn(process.execPath, [program, folder, file], {
    env: { ...compiled, PATH: process.env.PATH, HOME: folder, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  const updates: ExecutionUpdateEntry[] = [];
  let recovered = false;
  let rest = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const entry = JSON.parse(line);
      if (entry.kind === "recovered") recovered = true;
      if (entry.kind === "execution-update") updates.push(entry);
    }
  });
  const exited = new Promise<{ code: number | null; signal: string | null }>((resolve) =>
    child.once("close", (code, signal) => resolve({ code, signal })),
  );
  return { child, updates, exited, isRecovered: () => recovered };
}

const finalOf = (updates: readonly ExecutionUpdateEntry[], execution: string) =>
  updates.filter((update) => update.execution === execution && finals.has(update.status));

async function settledIn(life: Life, execution: string): Promise<ExecutionUpdateEntry> {
  return waitUntil("a last word", () => finalOf(life.updates, execution)[0]);
}

async function end(life: Life): Promise<void> {
  life.child.kill("SIGTERM");
  expect(await life.exited).toEqual({ code: 0, signal: null });
}

const linesOf = (file: string) =>
  existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean) : [];

/** Which status follows from dying at a point, and how often the action has begun by then. */
const places: readonly [ActionPoint, once: [string, number], idempotent: [string, number]][] = [
  ["before-journal", ["succeeded", 1], ["succeeded", 1]],
  ["after-accepted", ["succeeded", 1], ["succeeded", 1]],
  ["after-started", ["abandoned", 0], ["succeeded", 1]],
  ["before-result", ["abandoned", 1], ["succeeded", 2]],
  ["after-result", ["succeeded", 1], ["succeeded", 1]],
];

/** What a request does here is done in another process than the agent, as with any request. */
const effects = createServer((request, response) => {
  appendFileSync(decodeURIComponent((request.url ?? "").slice(2)), "ran\n");
  response.end();
}).listen(0, "127.0.0.1");
await once(effects, "listening");
afterAll(() => void effects.close());
const { port } = effects.address() as AddressInfo;

const runners = {
  "local-shell-cmd": (file: string) => ({ runner_parameters: { cmd: `echo ran >> ${file}` } }),
  "local-shell-script": (file: string) => ({
    entry_point: "act.sh",
    parameters: { file },
    positional: ["file"],
  }),
  "python-script": (file: string) => ({ entry_point: "act.py", parameters: { file } }),
  "node-script": (file: string) => ({ entry_point: "act.ts", parameters: { file } }),
  "http-request": (file: string) => ({
    runner_parameters: { url: `http://127.0.0.1:${port}/?${encodeURIComponent(file)}` },
  }),
};

function writePack(folder: string): void {
  const actions = join(folder, "pack", "actions");
  mkdirSync(actions, { recursive: true });
  writeFileSync(
    join(actions, "act.py"),
    `from st2common.runners.base_action import Action
class Act(Action):
    def run(self, file):
        with open(file, "a") as out:
            out.write("ran\\n")
`,
  );
  writeFileSync(join(actions, "act.sh"), '#!/bin/sh\necho ran >> "$1"\n');
  writeFileSync(
    join(actions, "act.ts"),
    `import { appendFileSync } from "node:fs";
export default ({ file }: { file: string }) => appendFileSync(file, "ran\\n");
`,
  );
}

describe.each(Object.entries(runners))("an agent killed while it has a %s action", (runner, fields) => {
  // Before the action's process and after its result every runner is the same.
  const own = places.filter(
    ([point]) => runner === "local-shell-cmd" || /after-started|before-result/.test(point),
  );
  const rows = own.flatMap(([point, once, again]) => [
    { point, idempotent: false, status: once[0], runs: once[1] },
    { point, idempotent: true, status: again[0], runs: again[1] },
  ]);
  it.each(rows)("at $point (idempotent: $idempotent) leaves it $status after $runs runs", async (row) => {
    const folder = await tempFolder("actions");
    writePack(folder);
    const file = join(folder, "effects");
    const request = actionRequest({ runner, idempotent: row.idempotent, ...fields(file) });
    const first = live(folder, [request], { PETREL_KILL_AT: row.point });
    expect(await first.exited).toEqual({ code: null, signal: "SIGKILL" });

    const second = live(folder, [request]);
    const final = await settledIn(second, request.execution);
    expect(final.status).toBe(row.status);
    if (row.status === "abandoned") expect(final.reason).toContain("agent died");
    await end(second);
    expect(linesOf(file)).toHaveLength(row.runs);

    // A third life has nothing to add: one last word, and the action is not run again. To what is stored runners are alike.
    if (runner !== "local-shell-cmd") return;
    const third = live(folder, [request]);
    await settledIn(third, request.execution);
    await waitUntil("recovery", () => third.isRecovered());
    await end(third);
    expect(finalOf(third.updates, request.execution).map(({ id }) => id)).toEqual([final.id]);
    expect(linesOf(file)).toHaveLength(row.runs);
  });
});

describe("an agent killed while an action runs", () => {
  const start = async (idempotent: boolean, cmd: (file: string) => string) => {
    const folder = await tempFolder("actions");
    const file = join(folder, "effects");
    const request = actionRequest({
      runner: "local-shell-cmd",
      idempotent,
      runner_parameters: { cmd: cmd(file) },
    });
    const first = live(folder, [request]);
    await waitUntil("the action has begun", () => linesOf(file).length > 0);
    const pgid = Number(linesOf(file)[0]);
    first.child.kill("SIGKILL");
    await first.exited;
    expect(groupAlive(pgid)).toBe(true);
    return { folder, file, request, pgid };
  };
  const stubborn = "sh -c 'trap \"\" TERM HUP; while :; do sleep 1; done'";

  it("kills what survived before it calls the execution abandoned", async () => {
    const { folder, file, request, pgid } = await start(
      false,
      (f) => `echo $$ > ${f}; ${stubborn}; echo end >> ${f}`,
    );
    const second = live(folder, [request]);
    const final = await settledIn(second, request.execution);
    expect(final.status).toBe("abandoned");
    expect(groupAlive(pgid)).toBe(false);
    await end(second);
    expect(linesOf(file)).toEqual([String(pgid)]);
  });

  it("kills what survived before it runs an idempotent action again", async () => {
    const { folder, file, request, pgid } = await start(
      true,
      (f) => `if [ -e ${f} ]; then echo end >> ${f}; else echo $$ > ${f}; ${stubborn}; fi`,
    );
    const second = live(folder, [request]);
    expect((await settledIn(second, request.execution)).status).toBe("succeeded");
    expect(groupAlive(pgid)).toBe(false);
    await end(second);
    expect(linesOf(file)).toEqual([String(pgid), "end"]);
  });

  it("finds survivors also when their leader has gone", async () => {
    const { folder, request, pgid } = await start(false, (f) => `echo $$ > ${f}; ${stubborn} & wait`);
    process.kill(pgid, "SIGKILL");
    await waitUntil("the leader has gone", () => !existsSync(`/proc/${pgid}/exe`));
    expect(groupAlive(pgid)).toBe(true);
    const second = live(folder, [request]);
    expect((await settledIn(second, request.execution)).status).toBe("abandoned");
    expect(groupAlive(pgid)).toBe(false);
    await end(second);
  });
});

/** What starts `command` in a shell and waits for it, for each runner with processes. */
const waiting: readonly [string, string, (command: string) => string][] = [
  ["local-shell-script", "act.sh", (command) => `#!/bin/sh\n${command}\n:\n`],
  [
    "python-script",
    "act.py",
    (command) => `import subprocess
from st2common.runners.base_action import Action
class Act(Action):
    def run(self):
        subprocess.run(["sh", "-c", ${JSON.stringify(command)}])
`,
  ],
  [
    "node-script",
    "act.ts",
    (command) => `import { spawnSync } from "node:child_process";
export default () => { spawnSync("sh", ["-c", ${JSON.stringify(command)}]); };
`,
  ],
];

describe("an agent killed while a grandchild of an action ignores SIGTERM", () => {
  const isRoot = process.getuid?.() === 0;
  const users = isRoot ? [undefined, "nobody"] : [undefined];
  const rows = waiting.flatMap((each) =>
    users.map((user) => [each[0], user ?? "its own user", each, user] as const),
  );
  it.each(rows)(
    "kills it before it calls the execution abandoned: %s as %s",
    async (runner, _as, each, user) => {
      const folder = await tempFolder("actions");
      chmodSync(folder, 0o755);
      writePack(folder);
      const home = join(folder, "open");
      mkdirSync(home);
      chmodSync(home, 0o777);
      const file = join(home, "pid");
      const [, entry_point, text] = each;
      const command = `trap "" TERM HUP; echo $$ > ${file}; while :; do sleep 1; done`;
      writeFileSync(join(folder, "pack", "actions", entry_point), text(`sh -c '${command}'`));
      const request = actionRequest({ runner, entry_point });
      const env = user === undefined ? {} : { TEST_USER: user };
      const first = live(folder, [request], env);
      await waitUntil("it runs", () => linesOf(file).length > 0);
      const pid = Number(linesOf(file)[0]);
      first.child.kill("SIGKILL");
      await first.exited;
      expect(existsSync(`/proc/${pid}/exe`)).toBe(true);
      const second = live(folder, [request], env);
      expect((await settledIn(second, request.execution)).status).toBe("abandoned");
      expect(existsSync(`/proc/${pid}/exe`)).toBe(false);
      await end(second);
    },
  );
});

describe("an agent killed while an action has processes in sessions of their own", () => {
  it.each([
    ["below its leader", (lasting: string) => `setsid ${lasting} & wait`],
    ["whose leader goes on without them", (lasting: string) => `(setsid ${lasting} &); sleep 600`],
    [
      "after a second fork",
      (lasting: string) => `setsid sh -c '${lasting} </dev/null >/dev/null 2>&1 &'; sleep 600`,
    ],
  ])("kills them before it calls the execution abandoned: %s", async (_where, cmd) => {
    const folder = await tempFolder("actions");
    const file = join(folder, "effects");
    const script = join(folder, "lasting.sh");
    writeFileSync(script, `trap "" TERM HUP; echo $$ > ${file}; while :; do sleep 1; done\n`);
    const request = actionRequest({
      runner: "local-shell-cmd",
      runner_parameters: { cmd: cmd(`sh ${script}`) },
    });
    const first = live(folder, [request]);
    await waitUntil("it has got away", () => linesOf(file).length > 0);
    const pid = Number(linesOf(file)[0]);
    first.child.kill("SIGKILL");
    await first.exited;
    expect(existsSync(`/proc/${pid}/exe`)).toBe(true);
    const second = live(folder, [request]);
    expect((await settledIn(second, request.execution)).status).toBe("abandoned");
    expect(existsSync(`/proc/${pid}/exe`)).toBe(false);
    await end(second);
  });
});

describe("an agent that stops", () => {
  it("lets a running action end, and keeps what has not started for the next life", async () => {
    const folder = await tempFolder("actions");
    const file = join(folder, "effects");
    const cmd = (name: string) => ({
      cmd: `echo ${name} >> ${file}; until [ -e ${file}.go ]; do sleep 0.02; done`,
    });
    const [one, two] = ["one", "two"].map((name) =>
      actionRequest({ runner: "local-shell-cmd", runner_parameters: cmd(name) }),
    );
    if (one === undefined || two === undefined) throw new Error("two requests");
    const first = live(folder, [one, two], { TEST_CONCURRENCY: "1", TEST_DRAIN_MS: "20000" });
    await waitUntil("the first action runs", () => linesOf(file).length === 1);
    await waitUntil("the second is accepted", () =>
      first.updates.some(({ execution }) => execution === two.execution),
    );
    first.child.kill("SIGTERM");
    writeFileSync(`${file}.go`, "");
    expect(await first.exited).toEqual({ code: 0, signal: null });
    expect(finalOf(first.updates, one.execution).map(({ status }) => status)).toEqual(["succeeded"]);
    expect(finalOf(first.updates, two.execution)).toEqual([]);
    const second = live(folder, [one, two]);
    expect((await settledIn(second, two.execution)).status).toBe("succeeded");
    await end(second);
    expect(linesOf(file)).toEqual(["one", "two"]);
  });

  it("abandons what outlasts its grace time, on disk before it exits", async () => {
    const folder = await tempFolder("actions");
    const file = join(folder, "effects");
    const request = actionRequest({
      runner: "local-shell-cmd",
      runner_parameters: { cmd: `echo $$ > ${file}; sleep 600` },
    });
    const first = live(folder, [request], { TEST_DRAIN_MS: "50" });
    await waitUntil("the action has begun", () => linesOf(file).length > 0);
    await end(first);
    const [final] = finalOf(first.updates, request.execution);
    expect(final).toMatchObject({ status: "abandoned", reason: "agent stopped" });
    expect(groupAlive(Number(linesOf(file)[0]))).toBe(false);
    const second = live(folder, [request]);
    await waitUntil("recovery", () => second.isRecovered());
    await end(second);
    expect(finalOf(second.updates, request.execution)).toHaveLength(1);
  });
});
