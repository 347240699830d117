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

test("renewing waits until the program has a handler", async () => {
  const folder = await tempFolder("service");
  const asked = join(folder, "asked");
  // Listens once it was asked for a second time.
  const text = `import { existsSync, readFileSync } from "node:fs";
    const look = setInterval(() => {
      if (!existsSync("${asked}") || readFileSync("${asked}", "utf8").length < 2) return;
      clearInterval(look);
      process.on("SIGUSR2", () => process.exit(7));
      setInterval(() => {}, 1_000);
    }, 5);`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", text], { stdio: "inherit" });
  atEnd(() => child.kill("SIGKILL"));
  const ended = once(child, "exit");
  const fake = join(folder, "systemctl");
  await writeFile(fake, `#!/bin/sh\nprintf x >> ${asked}\necho ${child.pid}\n`, { mode: 0o755 });
  await waitUntil("the program to run", async () =>
    (await readFile(`/proc/${child.pid}/cmdline`, "utf8")).includes("input-type"),
  );
  await systemctl(fake).renew("petrel-agent.service");
  expect(await ended).toEqual([7, null]);
});
