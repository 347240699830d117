/**
 * A hub and an agent of which one is an older version, a real one, and is upgraded in the midst of work. Which one is
 * said by PETREL_OLDER, a commit of this repository: `PETREL_OLDER=v0.1.0 npm run test:older`.
 * Not with the binaries: the older version is a checkout.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { checkoutOf, createAgent, createHub } from "../support/fleet.ts";
import { createStream, expectExactlyOnce } from "../support/stream.ts";
import { tempFolder } from "../support/temp-folder.ts";

const root = resolve(import.meta.dirname, "../..");
const older = process.env.PETREL_OLDER ?? "";
const git = (...args: readonly string[]) => spawnSync("git", ["-C", root, ...args], { maxBuffer: 1e9 });

function missing(): string | null {
  if (older === "") return "PETREL_OLDER names no version";
  const known = git("cat-file", "-e", `${older}^{commit}`).status === 0;
  return known ? null : `this clone has no ${older}; it may be a shallow one`;
}

const why = missing();

/** The older version in a folder of its own; what it depends on is taken from here. */
async function checkedOut(): Promise<Record<string, string>> {
  const folder = join(await tempFolder("older"), "petrel");
  mkdirSync(folder);
  const archive = git("archive", older);
  const { status } = spawnSync("tar", ["-x", "-C", folder], { input: archive.stdout });
  if (archive.status !== 0 || status !== 0) throw new Error(`${older} could not be unpacked`);
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  return { [checkoutOf]: folder };
}

/** The hello of an agent says whether its hub can ask it to become another version. */
const olderUpgrades = () => git("cat-file", "-e", `${older}:shared/upgrade/manifest.ts`).status === 0;

describe.skipIf(why !== null)(`an older version (${why === null ? older : `SKIPPED: ${why}`})`, () => {
  test("of the agent works for this hub, and goes on when it is upgraded", async () => {
    const hub = await createHub();
    const agent = await createAgent(hub, "web-1");
    await hub.start();
    agent.start(await checkedOut());
    const stream = await createStream(hub, agent, { count: 120, batch: 10 });
    stream.go();
    await stream.reached("append", 40);
    expect(await hub.api("GET", "/v1/agents/web-1")).toMatchObject({ upgrades: olderUpgrades() });
    await agent.stop();
    agent.start();
    await expectExactlyOnce(hub, stream);
    expect(await hub.api("GET", "/v1/agents/web-1")).toMatchObject({ upgrades: true });
  });

  test("of the hub works with this agent, and goes on when it is upgraded", async () => {
    const hub = await createHub();
    const agent = await createAgent(hub, "web-1");
    await hub.start(await checkedOut());
    agent.start();
    const stream = await createStream(hub, agent, { count: 120, batch: 10 });
    stream.go();
    await stream.reached("append", 40);
    await hub.stop();
    await hub.start();
    await expectExactlyOnce(hub, stream);
  });
});
