/** What commands advise below `--root DIR` has to be of that folder: followed to the letter it must not touch the host. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { hubProduct } from "../../../hub/install/product.ts";
import { layoutOf } from "../../../shared/install/layout.ts";
import { programFile } from "../../support/installed-program.ts";
import { runPetrel } from "../../support/run-petrel.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const petrel = async (...args: readonly string[]) => {
  const { code, stdout, stderr } = await runPetrel([...args, "--json"]);
  const said = code === 0 ? null : (JSON.parse(stderr) as { error: { code: string; fix: string } }).error;
  return { code, said, stdout };
};

const hubFile = (root: string, version: string, storeFormat = 1) =>
  programFile(root, version, { program: "petrel", storeFormat });

test("the ways back of a hub name the database, the program and the root that are there", async () => {
  const root = await tempFolder("image");
  const old = await hubFile(root, "1.0.0");
  const later = await hubFile(root, "1.1.0", 2);
  // One of another branch: newer, and it reads only what older ones have written.
  const branch = await hubFile(root, "1.2.0");
  const last = await hubFile(root, "1.3.0", 3);
  const state = join(root, "var/lib/petrel");
  expect((await petrel("install", "--root", root, "--no-start", "--binary", later)).code).toBe(0);

  for (const [file, ...command] of [
    [branch, "install", "--root", root, "--no-start", "--binary", branch],
    [old, "upgrade", old, "--root", root],
  ]) {
    const { said } = await petrel(...command);
    expect(said?.code).toBe("UPGRADE_UNFIT");
    expect(said?.fix).toContain(`petrel restore BACKUP --data ${state} --force`);
    expect(said?.fix).toContain(
      `petrel upgrade ${file} --allow-downgrade --allow-format-change --root ${root}`,
    );
    // The host's own hub is another one.
    expect(said?.fix).not.toMatch(/systemctl|[ `'"]\/var\/lib\/petrel/);
  }
  const { said: older } = await petrel("install", "--root", root, "--binary", old);
  expect([older?.code, older?.fix]).toEqual([
    "UPGRADE_OLDER",
    expect.stringContaining(`petrel upgrade FILE --allow-downgrade --root ${root}`),
  ]);
  const { said } = await petrel("upgrade", last, "--root", root);
  expect([said?.code, said?.fix]).toEqual([
    "UPGRADE_FORMAT",
    expect.stringContaining(`petrel upgrade FILE --allow-format-change --root ${root}`),
  ]);
});

test("a folder that a shell would take apart is quoted", async () => {
  const root = join(await tempFolder("image"), "it's here");
  await mkdir(root);
  const { said } = await petrel("upgrade", await hubFile(root, "1.0.0"), "--root", root);
  expect([said?.code, said?.fix]).toEqual([
    "NOT_INSTALLED",
    `petrel install --root '${root.replace("'", "'\\''")}'`,
  ]);
});

test("beside a package, state and configuration are those below the root", async () => {
  const root = await tempFolder("image");
  const { packaged, state, config } = layoutOf(hubProduct, root);
  await mkdir(dirname(packaged), { recursive: true });
  await writeFile(packaged, "");
  const { said } = await petrel("install", "--root", root, "--binary", await hubFile(root, "1.0.0"));
  expect(said?.code).toBe("INSTALL_PACKAGE");
  expect(said?.fix).toContain(`petrel upgrade FILE --root ${root}`);
  expect(said?.fix).toContain(`leave ${state} and ${config}`);
});
