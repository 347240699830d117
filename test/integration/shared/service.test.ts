/** A program that becomes its next version is asked when it listens, and not while it would end by that. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemctl } from "../../../shared/install/service-process.ts";
import { atEnd } from "../../support/at-end.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

/** Listens, and then ends or does nothing, once the fake systemctl was asked for a second time. */
async function listening(onSignal: string) {
  const folder = await tempFolder("service");
  const asked = join(folder, "asked");
  const text = `import { existsSync, readFileSync } from "node:fs";
    const look = setInterval(() => {
      if (!existsSync("${asked}") || readFileSync("${asked}", "utf8").split("show").length < 3) return;
      clearInterval(look);
      process.on("SIGUSR2", () => { ${onSignal} });
      setInterval(() => {}, 1_000);
    }, 5);`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", text], { stdio: "ignore" });
  atEnd(() => child.kill("SIGKILL"));
  const ended = once(child, "exit");
  const fake = join(folder, "systemctl");
  await writeFile(fake, `#!/bin/sh\necho "$*" >> ${asked}\necho ${child.pid}\n`, { mode: 0o755 });
  await waitUntil("the program to run", async () =>
    (await readFile(`/proc/${child.pid}/cmdline`, "utf8")).includes("input-type"),
  );
  const calls = async () => (await readFile(asked, "utf8")).trim().split("\n");
  return { service: systemctl(fake), ended, calls, pid: child.pid };
}

test("renewing waits until the program has a handler, and until its old life has gone", async () => {
  const { service, ended, calls, pid } = await listening("setTimeout(() => process.exit(7), 300)");
  await service.renew("petrel-agent.service");
  // As the kernel has it: that a child has ended comes to its parent's event loop later.
  const state = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "State:\tgone");
  expect(state).toMatch(/^State:\s+(Z|X|gone)/m);
  expect(await ended).toEqual([7, null]);
  expect((await calls()).filter((call) => !call.startsWith("show"))).toEqual([]);
});

test("a life that begins in the same process is another one, and one without proof is started anew", async () => {
  const { service, calls } = await listening(`process.execve("/bin/sleep", ["sleep", "600"])`);
  await service.renew("petrel-agent.service", { holds: async () => false, withinMs: 0 });
  expect((await calls()).filter((call) => !call.startsWith("show"))).toEqual([
    "reset-failed petrel-agent.service",
    "restart petrel-agent.service",
  ]);
});
