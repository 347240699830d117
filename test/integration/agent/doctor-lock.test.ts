/** The doctor opens the agent's database while no agent runs: one that is started meanwhile must not get in beside it. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { promisify } from "node:util";
import { ClassicLevel } from "classic-level";
import { expect, test } from "vitest";
import type { AgentCase } from "../../../agent/doctor/agent-case.ts";
import { agentFindings } from "../../../agent/doctor/checks-process.ts";
import { openCase } from "../../../agent/doctor/open-case-fs.ts";
import { incarnationKey } from "../../../shared/storage/database-store.ts";
import { formatKey } from "../../../shared/storage/migrate-store.ts";
import { systemTimers } from "../../../shared/system-process.ts";
import { atEnd } from "../../support/at-end.ts";
import { freePort } from "../../support/fleet.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const runFile = promisify(execFile);

/** Of an agent that is stopped, and whose hub does not answer. */
async function stoppedAgent(): Promise<{ readonly store: string; readonly agentCase: AgentCase }> {
  const data = await tempFolder("doctor");
  const store = join(data, "store");
  const level = new ClassicLevel<string, string>(store);
  await level.put(formatKey, "1");
  await level.put(incarnationKey, "i1");
  await level.close();
  const io = {
    out: async () => {},
    err: () => {},
    env: {},
    cwd: data,
    columns: undefined,
    now: Date.now,
    user: "test",
    exitOnInterrupt: () => {},
  };
  const agentCase = await openCase(io, { data, hub: `mqtt://127.0.0.1:${await freePort()}` });
  expect(agentCase.agent).toBe("stopped");
  return { store, agentCase };
}

const opening = `const { ClassicLevel } = require("classic-level");
const level = new ClassicLevel(process.argv[1]);`;

test("a check beside the one that has the database open does not take its lock away", async () => {
  const { store, agentCase } = await stoppedAgent();
  const level = new ClassicLevel<string, string>(store);
  await level.open();
  try {
    const options = { quoted: true, only: ["hub-reach"], timers: systemTimers };
    expect(await agentFindings(agentCase, options)).toMatchObject([{ check: "hub-reach", level: "fault" }]);
    const other = `${opening} level.open().then(() => console.log("open"), (error) => console.log(error.cause.code));`;
    expect((await runFile(process.execPath, ["-e", other, store])).stdout).toBe("LEVEL_LOCKED\n");
  } finally {
    await level.close();
  }
});

test("the database of an agent that was started since it was asked is left alone", async () => {
  const { store, agentCase } = await stoppedAgent();
  const hold = `${opening} level.open().then(() => { console.log("open"); setInterval(() => {}, 1000); });`;
  const child = spawn(process.execPath, ["-e", hold, store], { stdio: ["ignore", "pipe", "inherit"] });
  atEnd(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  const found = await agentFindings(agentCase, { quoted: true, only: ["store"], timers: systemTimers });
  expect(found).toMatchObject([{ level: "note", what: expect.stringContaining("may have it open") }]);
});
