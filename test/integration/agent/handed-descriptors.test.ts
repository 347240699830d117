/** What is handed over names descriptors by their numbers: by then they may be closed, or another's. */
import { spawn } from "node:child_process";
import { closeSync, fstatSync, openSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { takeHanded, writeHanded } from "../../../agent/actions/handed-over-process.ts";
import { statOf } from "../../../agent/actions/proc-fs.ts";
import { silentLogger } from "../../../shared/log.ts";
import { atEnd } from "../../support/at-end.ts";
import { tempFolder } from "../../support/temp-folder.ts";

/** No process of these tests has as many open. */
const closed = 9_999;

test("a descriptor that is closed, or no stream, is not taken; it ends no start, and is left to whose it is", async () => {
  const folder = await tempFolder("handed");
  const child = spawn("sleep", ["60"], { stdio: "ignore", detached: true });
  atEnd(() => void child.kill("SIGKILL"));
  const pid = child.pid ?? 0;
  const other = openSync(join(folder, "other"), "w");
  const file = join(folder, "handed.json");
  const captured = { kept: "", seen_bytes: 0 };
  const one = (execution: string, startTicks: number) => ({
    execution,
    remaining_ms: 1_000,
    paused: false,
    process: {
      group: { pgid: pid, start_ticks: startTicks, boot_id: "b" },
      fds: [null, closed, other],
      stdout: captured,
      stderr: captured,
    },
  });
  try {
    const ticks = statOf(pid)?.startTicks ?? 0;
    writeHanded(file, [one("there", ticks), one("gone", ticks + 1)]);
    const taken = await takeHanded(file, silentLogger);
    expect([...taken.keys()]).toEqual(["there"]);
    expect(taken.get("there")?.process.fds).toEqual([null, null, null]);
    expect(fstatSync(other).isFile()).toBe(true);
  } finally {
    closeSync(other);
  }
});
