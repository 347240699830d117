/** What is left of an upgrade whose way back was cut off, and what the next one finds of an earlier installation. */
import { access, mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { describe, expect, test } from "vitest";
import { agentProduct } from "../../agent/install/product.ts";
import { installedUpgrade } from "../../agent/upgrade/installed-process.ts";
import { guardText } from "../../shared/install/guard.ts";
import { layoutOf, programOf } from "../../shared/install/layout.ts";
import { prepare } from "../../shared/install/prepare-process.ts";
import { digestOf } from "../../shared/install/releases-fs.ts";
import { silentLogger } from "../../shared/log.ts";
import { installedProgram, programFile } from "../support/installed-program.ts";

const health = (version: string) => async () => ({
  version,
  life: "1",
  linked: true,
  sensors: [],
  failed: null,
});

/** Switched back, and killed before anybody said so or started the old version. */
async function cutOff() {
  const host = await installedProgram();
  const file = await programFile(host.root, "1.1.0", { linked: false });
  const run = await host.upgrade(file, { killAt: "back", args: ["--within", "1"] });
  expect([run.signal, await host.current()]).toEqual(["SIGKILL", "1.0.0"]);
  return { host, file, layout: layoutOf(agentProduct, host.root) };
}

describe("an upgrade that was switched back, and is said by nobody", () => {
  test("stays so for a file that is not what it should be", async () => {
    const { host } = await cutOff();
    const next = await programFile(host.root, "1.2.0");
    const run = await host.upgrade(next, { args: ["--sha256", "0".repeat(64)] });
    expect(run.stderr).toContain("UPGRADE_DIGEST");
    expect([await host.read("last-upgrade"), await host.answers()]).toEqual([null, "1.1.0"]);
    expect(await host.read("pending")).toContain("back=");
  });

  test("is said by an agent of the old version that is asked for the next, and by no other", async () => {
    const { host, layout } = await cutOff();
    const next = await programFile(host.root, "1.2.0");
    const given = { file: next, sha256: null, allowDowngrade: false, allowFormatChange: false };
    const asked = (version: string) =>
      prepare(
        {
          product: agentProduct,
          layout,
          service: null,
          health: health(version),
          limits: { withinMs: 1_000, steadyMs: 100 },
          now: () => 0,
          told: () => {},
          pass: () => {},
        },
        given,
      );
    // It runs still, and has to end.
    await expect(asked("1.1.0")).rejects.toMatchObject({ code: "UPGRADE_RUNNING" });
    expect(await asked("1.0.0")).toMatchObject({ from: "1.0.0", to: "1.2.0" });
    expect(await host.read("last-upgrade")).toContain("result=rolled-back\nwhy=it has no link");
    expect(await host.read("pending")).not.toContain("back=");
  });

  test("is known to who waits for its end", async () => {
    const { host, file, layout } = await cutOff();
    const env = {
      PETREL_PROGRAM: programOf(layout, agentProduct, "1.0.0"),
      PETREL_SYSTEMCTL: host.systemctl,
    };
    const clocks = { now: () => 0, monotonic: () => 0 };
    const upgrade = installedUpgrade({ env, health: health("1.0.0"), ...clocks, log: silentLogger });
    const asked = { path: file, version: "1.1.0", sha256: await digestOf(file), allowDowngrade: false };
    expect(await upgrade.outcome(asked, null)).toEqual({
      kind: "rolled-back",
      why: "it has no link to the hub, and the version before had",
    });
  });
});

test("an upgrade renews the guard of an earlier installation, and leaves a package's", async () => {
  const host = await installedProgram();
  const layout = layoutOf(agentProduct, host.root);
  const old = "#!/bin/sh\nexit 0\n";
  const upgraded = async (version: string) => {
    await writeFile(layout.guard, old);
    const run = await host.upgrade(await programFile(host.root, version));
    expect([run.code, run.stderr]).toEqual([0, expect.any(String)]);
    return host.read("guard");
  };
  expect(await upgraded("1.1.0")).toBe(guardText(agentProduct));
  await access(layout.guard, 1);
  await mkdir(dirname(layout.packaged), { recursive: true });
  await writeFile(layout.packaged, "[Service]\n");
  expect(await upgraded("1.2.0")).toBe(old);
});
