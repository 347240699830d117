/** An upgrade whose unit cannot even be started, or that cannot say how it ended. */
import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { agentProduct } from "../../../agent/install/product.ts";
import { carryOutElsewhere } from "../../../shared/install/elsewhere-process.ts";
import { layoutOf, programOf } from "../../../shared/install/layout.ts";
import { pendingText } from "../../../shared/install/pending.ts";
import { tempFolder } from "../../support/temp-folder.ts";

afterEach(() => void vi.unstubAllEnvs());

/** An upgrade whose unit ends with 1, after `systemd-run` has said this. */
async function carriedOut(said: string, folder: string) {
  const bin = join(folder, "bin");
  await mkdir(bin);
  await writeFile(join(bin, "systemd-run"), `#!/bin/sh\n[ -z '${said}' ] || echo '${said}' >&2\nexit 1\n`);
  await chmod(join(bin, "systemd-run"), 0o755);
  vi.stubEnv("PATH", `${bin}:${process.env.PATH}`);
  const layout = layoutOf(agentProduct, folder);
  const limits = { withinMs: 1_000, steadyMs: 100 };
  return carryOutElsewhere(
    { product: agentProduct, layout, limits },
    { from: "0.1.0", to: "0.2.0", sha256: "" },
  );
}

test.each([
  ["Failed to connect to bus: No such file or directory", /end: Failed to connect to bus: .*install dbus$/],
  ["Failed to start transient service unit: access denied", /end: Failed to start .*: access denied$/],
  ["", /to its end$/],
])("what systemd-run says is told, since the journal has nothing: '%s'", async (said, message) => {
  await expect(carriedOut(said, await tempFolder("elsewhere"))).rejects.toMatchObject({
    code: "SERVICE_FAILED",
    message: expect.stringMatching(message),
  });
});

test.each([
  ["0.1.0", /version 0\.1\.0 is in force/],
  ["0.2.0", /next start of petrel-agent\.service goes on with it/],
])("which version is in force is known where nothing else is: %s", async (version, hint) => {
  const folder = await tempFolder("elsewhere");
  const layout = layoutOf(agentProduct, folder);
  for (const each of ["0.1.0", "0.2.0"]) {
    await mkdir(join(layout.versions, each), { recursive: true });
    await writeFile(programOf(layout, agentProduct, each), "");
  }
  await symlink(`versions/${version}`, layout.current);
  const trial = { from: "0.1.0", to: "0.2.0", sha256: "a".repeat(64), at: "2026-11-30T00:00:00Z" };
  const was = { linked: false, sensors: [], formatFrom: 1, formatTo: 1, back: null };
  await writeFile(layout.pending, pendingText({ ...trial, ...was }));
  await expect(carriedOut("", folder)).rejects.toMatchObject({ hint: expect.stringMatching(hint) });
});
