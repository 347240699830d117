/** A cgroup for each action, in a real cgroup v2. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { followHanded, runGated } from "../../../agent/actions/gated-process.ts";
import { HandedOver } from "../../../agent/actions/handed-over.ts";
import { loadKernelSpawn } from "../../../agent/actions/kernel-spawn-process.ts";
import { openScopes, scopesBelow, unifiedGroup } from "../../../agent/actions/scopes-process.ts";
import { atEnd } from "../../support/at-end.ts";

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
        { ...settings, kernelSpawn: spawn(), scopes: scopesBelow(parent) },
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

test("without a unit of its own the agent has none, and says why", () => {
  const told: unknown[] = [];
  expect(openScopes({ info: (_, fields) => void told.push(fields) })).toBeNull();
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
    execution,
    { ...settings, kernelSpawn },
    { ...context, handOver: new AbortController().signal },
  );
  expect([exit.code, output.stdout.text, output.stderr.text]).toEqual([5, "out\n", "err\n"]);
});
