/** The README's tour, line by line as one would paste it. */
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { freePort } from "../../support/fleet.ts";
import { projectCopy } from "../../support/project-copy.ts";
import { paste, shellBlocks } from "../../support/shell-blocks.ts";

const readme = resolve(import.meta.dirname, "../../../README.md");

test("the README is short enough to be read", async () => {
  expect((await readFile(readme, "utf8")).trimEnd().split("\n").length).toBeLessThanOrEqual(150);
});

test("the five minutes work as they stand there", { timeout: 120_000 }, async () => {
  const folder = await projectCopy();
  const blocks = await shellBlocks(readme, "Five minutes");
  expect(blocks.length).toBeGreaterThan(4);
  let script = blocks.join("\n");
  expect(script).toMatch(/^npm ci$/m);
  // Installed already; and the ports may be taken here.
  script = script.replace(/^npm ci$/m, "");
  for (const port of ["7580", "7583"]) script = script.replaceAll(port, String(await freePort()));

  const { code, stdout, stderr, left } = await paste(folder, script);
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringContaining("failed: ") });

  // What a reader is promised on the way, in this order.
  const signs = [
    /^ready http=/m,
    // Those of the alerts, which are not enabled.
    /^rules: 8$/m,
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
  expect(left).toBe(0);
  expect(await readFile(join(folder, "tour.log"), "utf8")).toContain("hub stops");
});
