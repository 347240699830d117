/** A cgroup for each action, in a real cgroup v2. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { followHanded, runGated } from "../../../agent/actions/gated-process.ts";
import { HandedOver } from "../../../agent/actions/handed-over.ts";
import { loadKernelSpawn } from "../../../agent/actions/kernel-spawn-process.ts";
import { openScopes, scopesBelow, unifiedGroup } from "../../../agent/actions/scopes-process.ts";
import { adoptHanded } from "../../../agent/actions/take-up-process.ts";
import { actionsUnitText } from "../../../agent/install/unit.ts";
import { atEnd } from "../../support/at-end.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

/** A folder of a cgroup v2 that we may divide; `null`: there is none on this machine, or we are not root. */
function groupFolder(): string | null {
  for (const mount of ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]) {
    if (!existsSync(join(mount, "cgroup.controllers"))) continue;
    const folder = join(mount, `petrel-test-${process.pid}`);
    try {
      mkdirSync(folder);
      return folder;
    } catch {}
  }
  return null;
}

const found = groupFolder();
if (found !== null) rmdirSync(found);
const settings = { termGraceMs: 500, outputCapBytes: 1024 };
const execution = "01K00000000000000000SCOPES";
const alone = { log: { warn: () => {} }, revive: () => {} };
const program = {
  command: "/bin/sh",
  args: ["-c", 'read -r line; grep "^0:" /proc/self/cgroup; echo "$line"'],
  cwd: "/",
  env: { ST2_ACTION_EXECUTION_ID: execution },
  gate: "go\n",
};

describe.skipIf(found === null)(
  `cgroups of actions${found === null ? " (SKIPPED: no cgroup v2 to divide)" : ""}`,
  () => {
    test.each([
      ["by the kernel's own start", () => loadKernelSpawn()],
      ["by Node", () => null],
    ])("a program started %s runs in its own one, which goes with it", async (_, spawn) => {
      const parent = found ?? "";
      mkdirSync(parent);
      atEnd(() => rmdirSync(parent));
      const inside: (readonly string[])[] = [];
      const { output, exit } = await runGated(
        program,
        { ...settings, kernelSpawn: spawn(), scopes: scopesBelow(parent, alone) },
        {
          stop: new AbortController().signal,
          started: async () => void inside.push(readdirSync(parent).filter((name) => name === execution)),
          onOutput: () => {},
        },
      );
      expect([exit.code, inside]).toEqual([0, [[execution]]]);
      expect(unifiedGroup(output.stdout.text)).toMatch(new RegExp(`/${execution}$`));
      expect(output.stdout.text).toMatch(/go\n$/);
      expect(existsSync(join(parent, execution))).toBe(false);
    });
  },
);

const stayed = { stop: new AbortController().signal, started: async () => {}, onOutput: () => {} };

test("while the cgroup for actions is gone they run without one, which is told and mended once", async () => {
  const parent = join(await tempFolder("scopes"), "gone");
  const told: string[] = [];
  const log = { warn: (news: string) => void told.push(news) };
  let asked = 0;
  const scopes = scopesBelow(parent, { log, revive: () => void asked++ });
  const run = () => runGated(program, { ...settings, kernelSpawn: loadKernelSpawn(), scopes }, stayed);
  for (let times = 0; times < 2; times++) expect((await run()).output.stdout.text).toMatch(/go\n$/);
  expect([told.length, asked]).toEqual([1, 1]);
  // It is there again, and then it is gone again.
  mkdirSync(parent);
  expect(scopes.open("a")).not.toBeNull();
  rmSync(parent, { recursive: true });
  expect([scopes.open("b"), told.length, asked]).toEqual([null, 2, 2]);
});

test("a cgroup that takes no process costs an action nothing but its cgroup", async () => {
  // Folders, and no cgroups: neither clone3(2) nor a write to cgroup.procs gets anywhere.
  const parent = await tempFolder("scopes");
  const told: string[] = [];
  const scopes = scopesBelow(parent, { log: { warn: (news) => void told.push(news) }, revive: () => {} });
  await mkdir(join(parent, execution, "cgroup.procs"), { recursive: true });
  const run = () => runGated(program, { ...settings, kernelSpawn: loadKernelSpawn(), scopes }, stayed);
  for (let times = 0; times < 2; times++) expect((await run()).exit.code).toBe(0);
  expect(told.length).toBe(1);
});

test("what holds the cgroup for actions outlives the end of every `sleep`", async () => {
  const text = /^ExecStart=\/bin\/sh -c '(.*)'$/m.exec(actionsUnitText())?.[1] ?? "";
  const holder = spawn("/bin/sh", ["-c", text], { stdio: "ignore", detached: true });
  const pid = holder.pid ?? 0;
  atEnd(() => process.kill(-pid, "SIGKILL"));
  const child = () => Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8"));
  const first = await waitUntil("it to hold", child);
  process.kill(first, "SIGTERM");
  await waitUntil("it to hold on", () => ![0, first].includes(child()));
  expect(readFileSync(`/proc/${pid}/comm`, "utf8")).toBe("petrel-actions\n");
});

test("cgroups that earlier lives have left are removed where nothing runs in them", async () => {
  const parent = await tempFolder("scopes");
  for (const name of ["empty", "used/below"]) await mkdir(join(parent, name), { recursive: true });
  // An action of this life that is just starting has one without a process.
  scopesBelow(parent, { ...alone, sweeps: false });
  expect(readdirSync(parent)).toEqual(["empty", "used"]);
  scopesBelow(parent, alone);
  expect(readdirSync(parent)).toEqual(["used"]);
});

test("without a unit of its own the agent has none, and says why", () => {
  const told: unknown[] = [];
  expect(openScopes({ info: (_, fields) => void told.push(fields), warn: () => {} })).toBeNull();
  expect(told).toEqual([{ why: expect.any(String) }]);
  expect(unifiedGroup(readFileSync("/proc/self/cgroup", "utf8"))).not.toMatch(/petrel-agent\.service$/);
});

test("a program that closed its output before it was handed over is taken up all the same", async () => {
  const kernelSpawn = loadKernelSpawn();
  const handOver = new AbortController();
  const context = {
    stop: new AbortController().signal,
    started: async () => {},
    onOutput: () => handOver.abort(),
    handOver: handOver.signal,
  };
  const args = ["-c", "read -r line; echo out; exec >&-; sleep 1; echo err >&2; exit 5"];
  const run = runGated({ ...program, args }, { ...settings, kernelSpawn }, context);
  const handed = await run.then(
    () => null,
    (error: unknown) => error,
  );
  expect(handed).toBeInstanceOf(HandedOver);
  const { exit, output } = await followHanded(
    (handed as HandedOver).process,
    adoptHanded((handed as HandedOver).process, kernelSpawn),
    execution,
    { ...settings, kernelSpawn },
    { ...context, handOver: new AbortController().signal },
  );
  expect([exit.code, output.stdout.text, output.stderr.text]).toEqual([5, "out\n", "err\n"]);
});
