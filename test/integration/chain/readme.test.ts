/** The README's tour, line by line as one would paste it. */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { atEnd } from "../../support/at-end.ts";
import { freePort } from "../../support/fleet.ts";
import { isAlive, processesAtHome } from "../../support/home-processes.ts";
import { projectCopy } from "../../support/project-copy.ts";

const readme = resolve(import.meta.dirname, "../../../README.md");

/** The shell blocks of a section, one after the other. */
async function shellBlocks(section: string): Promise<readonly string[]> {
  const text = await readFile(readme, "utf8");
  const [, rest = ""] = text.split(`\n## ${section}\n`);
  const [body = ""] = rest.split("\n## ");
  return [...body.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = ""]) => block);
}

test("the README is short enough to be read", async () => {
  expect((await readFile(readme, "utf8")).trimEnd().split("\n").length).toBeLessThanOrEqual(150);
});

test("the five minutes work as they stand there", { timeout: 120_000 }, async () => {
  const folder = await projectCopy();
  const blocks = await shellBlocks("Five minutes");
  expect(blocks.length).toBeGreaterThan(4);
  let script = blocks.join("\n");
  expect(script).toMatch(/^npm ci$/m);
  // Installed already; and the ports may be taken here.
  script = script.replace(/^npm ci$/m, "");
  for (const port of ["7580", "7583"]) script = script.replaceAll(port, String(await freePort()));

  // As in a terminal, jobs have groups of their own; whatever fails says so and stops the tour.
  const shell = spawn(
    "bash",
    ["--noprofile", "--norc", "-eEm", "-c", `trap 'echo "failed: $BASH_COMMAND" >&2' ERR\n${script}`],
    {
      cwd: folder,
      env: { PATH: process.env.PATH ?? "", HOME: folder },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    },
  );
  const left = () => processesAtHome(folder).filter(({ pid }) => isAlive(pid));
  atEnd(() => {
    for (const { pid } of left()) process.kill(pid, "SIGKILL");
  });
  let stdout = "";
  let stderr = "";
  shell.stdout.setEncoding("utf8").on("data", (text) => {
    stdout += text;
  });
  shell.stderr.setEncoding("utf8").on("data", (text) => {
    stderr += text;
  });
  const code = await new Promise((done) => shell.on("close", done));
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining("failed: ") });

  // What a reader is promised on the way, in this order.
  const signs = [
    /^ready http=/m,
    /^rules: 0$/m,
    /Linux/,
    /hello from Petrel/,
    /^web-1 .*role=web/m,
    /^agent: web-1$/m,
    /^made tour\/heartbeat$/m,
    /heartbeat 0\.1\.0: 1 sensor, 1 trigger type, 1 action, 1 rule: 0 errors, 0 warnings/,
    /heartbeat 0\.1\.0 is registered/,
    /heartbeat\.note .*succeeded/,
    /heartbeat\.TickSensor/,
    /heartbeat\.tick /,
    /heartbeat\.note_ticks/,
    /default\.big_change matches/,
    /message: "\/etc\/passwd was modified"/,
  ];
  let rest = stdout;
  for (const sign of signs) {
    const at = rest.search(sign);
    expect({ sign, found: at >= 0, rest }).toMatchObject({ found: true });
    rest = rest.slice(at);
  }
  expect(left()).toEqual([]);
  expect(await readFile(join(folder, "tour.log"), "utf8")).toContain("hub stops");
});
