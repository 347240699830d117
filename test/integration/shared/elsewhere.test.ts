/** An upgrade whose unit cannot even be started. */
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { agentProduct } from "../../../agent/install/product.ts";
import { carryOutElsewhere } from "../../../shared/install/elsewhere-process.ts";
import { layoutOf } from "../../../shared/install/layout.ts";
import { tempFolder } from "../../support/temp-folder.ts";

afterEach(() => void vi.unstubAllEnvs());

test.each([
  ["Failed to connect to bus: No such file or directory", /end: Failed to connect to bus: .*install dbus$/],
  ["Failed to start transient service unit: access denied", /end: Failed to start .*: access denied$/],
  ["", /to its end$/],
])("what systemd-run says is told, since the journal has nothing: '%s'", async (said, message) => {
  const folder = await tempFolder("elsewhere");
  const bin = join(folder, "bin");
  await mkdir(bin);
  await writeFile(join(bin, "systemd-run"), `#!/bin/sh\n[ -z '${said}' ] || echo '${said}' >&2\nexit 1\n`);
  await chmod(join(bin, "systemd-run"), 0o755);
  vi.stubEnv("PATH", `${bin}:${process.env.PATH}`);
  const layout = layoutOf(agentProduct, folder);
  const limits = { withinMs: 1_000, steadyMs: 100 };
  await expect(
    carryOutElsewhere({ product: agentProduct, layout, limits }, { from: "0.1.0", to: "0.2.0", sha256: "" }),
  ).rejects.toMatchObject({ code: "SERVICE_FAILED", message: expect.stringMatching(message) });
});
