/** `petrel file verify --wait` outlives the hub's process: the sweep goes on, and its end is the true one. */
import { appendFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Verification } from "../../../shared/model/file-verification.ts";
import { agentReady, createAgent, createHub } from "../../support/fleet.ts";
import { userOf } from "../../support/fleet-user.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

test("a verification is followed to its end by a hub that was killed and started again", async () => {
  const hub = await createHub();
  await hub.start();
  const user = userOf(hub);
  const watched = await tempFolder("watched");
  for (let n = 0; n < 6; n++) await writeFile(join(watched, `f${n}`), Buffer.alloc(1024 * 1024, n));
  for (const id of ["web-1", "web-2"]) {
    (await createAgent(hub, id, ["role=web"])).start();
    await agentReady(hub, id);
  }
  // A budget that makes it last; only a sweep finds the change.
  const paths = `paths=[{path: ${watched}}]`;
  const slow = ["backend=sweep", "sweep_every=0", "sweep_mib_per_second=1"].flatMap((one) => ["--set", one]);
  await user.says("pack", "assign", "watch", "--labels", "role=web", "--set", paths, ...slow, "--wait");
  await appendFile(join(watched, "f0"), "more");

  const verify = async (...how: readonly string[]) =>
    JSON.parse((await user.run("file", "verify", ...how, "--json")).stdout) as Verification;
  const begun = await verify("--full");
  // The hub knows both before it dies; what a command asks of it for the first time then is another matter.
  const second = await verify("--agents", "web-1");
  const waiting = user.run("file", "verify", "--id", second.id, "--wait", "120");
  const states = async () => {
    const { stdout } = await user.run("file", "verify", "--id", begun.id, "--json");
    return (JSON.parse(stdout) as Verification).agents.map(({ state }) => state);
  };
  await waitUntil("both sweep", async () => (await states()).every((state) => state === "running"));
  await hub.kill();
  await hub.start();
  const ended = await user.run("file", "verify", "--id", begun.id, "--wait", "120");
  expect(ended.stdout.split("\n")).toEqual([
    "web-1  done: 7 paths looked at, 1 difference told",
    "web-2  done: 7 paths looked at, 1 difference told",
    "",
  ]);
  expect(ended.code).toBe(5);
  // The one that waited all the time.
  const other = await waiting;
  expect([other.code, other.stdout]).toEqual([0, "web-1  done: 7 paths looked at, no differences\n"]);
  const unknown = await user.run("file", "verify", "--id", "none", "--wait");
  expect([unknown.code, unknown.stderr.split(":")[0]]).toEqual([1, "NOT_FOUND"]);
}, 180_000);
