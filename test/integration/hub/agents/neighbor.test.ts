/** The process beside the hub: started again, ended, and never the hub's own end. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { startNeighbor } from "../../../../hub/agents/neighbor-process.ts";
import { createLogger } from "../../../../shared/log.ts";
import { ownCommand } from "../../../../shared/runtime/own-programs-process.ts";
import { manualTime } from "../../../support/manual-time.ts";
import { tempFolder } from "../../../support/temp-folder.ts";
import { waitUntil } from "../../../support/wait-until.ts";

const program = ownCommand(new URL("../../../fixtures/programs/neighbor-main.ts", import.meta.url));

async function start(mode: "stays" | "ends" | "stubborn" | "patient", logFile?: string) {
  const data = await tempFolder("neighbor");
  await writeFile(join(data, "mode"), mode);
  const time = manualTime();
  const lines: string[] = [];
  const logger = createLogger({
    level: "info",
    format: "text",
    write: (line) => lines.push(line),
    now: () => 0,
  });
  const neighbor = startNeighbor({
    dev: true,
    data,
    hub: "mqtt://me:hunter2@127.0.0.1:1",
    log: { level: "info", format: "text" },
    logFile: logFile ?? join(data, "log"),
    logger,
    timers: time.timers,
    jitter: () => 0.5,
    program,
  });
  const pids = async () =>
    (await readFile(join(data, "begun"), "utf8").catch(() => "")).split("\n").filter(Boolean).map(Number);
  const begun = (count: number) =>
    waitUntil(`${count} starts`, async () => {
      const found = await pids();
      return found.length >= count ? found : false;
    });
  onTestFinished(async () => {
    const stopping = neighbor.stop();
    time.advance(60_000);
    await stopping;
  });
  return { data, time, lines, neighbor, begun, pids };
}

const isThere = (pid: number) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

it("is started again when it ends by itself, later and later", async () => {
  const { time, begun } = await start("ends");
  for (const [starts, waitMs] of [
    [1, 500],
    [2, 1_000],
    [3, 2_000],
  ] as const) {
    await begun(starts);
    await waitUntil("its end to be noticed", () => time.pending().length > 0);
    expect(time.pending()).toEqual([waitMs]);
    time.advance(waitMs);
  }
  await begun(4);
});

it("a log that cannot be opened is tried again, and throws nowhere", async () => {
  const folder = join(await tempFolder("log"), "missing");
  const { time, begun, lines, pids } = await start("stays", join(folder, "agent.log"));
  time.advance(500);
  time.advance(1_000);
  expect(lines.filter((line) => line.includes("ENOENT"))).toHaveLength(3);
  expect(await pids()).toEqual([]);
  await mkdir(folder);
  time.advance(2_000);
  await begun(1);
});

it("ends when it is told to, and is killed when it does not", async () => {
  const good = await start("stays");
  const [pid = 0] = await good.begun(1);
  await good.neighbor.stop();
  expect(isThere(pid)).toBe(false);

  const stubborn = await start("stubborn");
  const [other = 0] = await stubborn.begun(1);
  const stopped = stubborn.neighbor.stop();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(isThere(other)).toBe(true);
  stubborn.time.advance(9_000);
  await stopped;
  expect(isThere(other)).toBe(false);
});

it("is asked once more when it would let its actions go on for longer than Ctrl-C may take", async () => {
  const { data, time, begun, neighbor, lines } = await start("patient");
  await begun(1);
  const stopped = neighbor.stop();
  await waitUntil("it to have been asked", () => readFile(join(data, "asked"), "utf8").catch(() => ""));
  time.advance(5_000);
  await stopped;
  expect(lines).toEqual([]);
});

it("a stop between two starts is the end", async () => {
  const { time, begun, neighbor, pids } = await start("ends");
  await begun(1);
  await waitUntil("its end to be noticed", () => time.pending().length > 0);
  await neighbor.stop();
  time.advance(60_000);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(await pids()).toHaveLength(1);
});

it("the broker's password is not on its command line", async () => {
  const { begun } = await start("stays");
  const [pid = 0] = await begun(1);
  expect(await readFile(`/proc/${pid}/cmdline`, "utf8")).not.toContain("hunter2");
  expect(await readFile(`/proc/${pid}/environ`, "utf8")).toContain(
    "PETREL_HUB=mqtt://me:hunter2@127.0.0.1:1",
  );
});
