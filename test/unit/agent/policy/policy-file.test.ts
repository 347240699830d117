import { chmod, chown, mkdir, rename, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, test } from "vitest";
import { readPolicy } from "../../../../agent/policy/policy-file-fs.ts";
import { type PathStep, stepFault } from "../../../../agent/policy/trusted-path.ts";
import { tempFolder } from "../../../support/temp-folder.ts";

const step = (over: Partial<PathStep>): PathStep => ({
  path: "/p",
  kind: "file",
  uid: 0,
  mode: 0o644,
  ...over,
});

const steps: readonly [what: string, over: Partial<PathStep>, own: number, fault: RegExp | null][] = [
  ["root's own", {}, 0, null],
  ["root's, for another user's agent", {}, 1000, null],
  ["the agent's own user's", { uid: 1000 }, 1000, null],
  ["another user's, for root", { uid: 1000 }, 0, /belongs to user 1000/],
  ["another user's", { uid: 1001 }, 1000, /belongs to user 1001/],
  ["writable by its group", { mode: 0o664 }, 0, /others may write to \/p \(mode 0664\)/],
  ["writable by all", { mode: 0o646 }, 0, /mode 0646/],
  ["only readable by its owner", { mode: 0o400 }, 0, null],
  ["a folder writable by its group", { kind: "folder", mode: 0o775 }, 0, /mode 0775/],
  ["a folder like /tmp", { kind: "folder", mode: 0o1777 }, 0, null],
  ["a folder like /tmp, somebody else's", { kind: "folder", uid: 5, mode: 0o1777 }, 0, /belongs to user 5/],
  ["a sticky file", { mode: 0o1666 }, 0, /mode 1666/],
  ["root's link, whatever its mode", { kind: "link", mode: 0o777 }, 0, null],
  ["another user's link", { kind: "link", uid: 1000, mode: 0o777 }, 0, /belongs to user 1000/],
  ["a pipe", { kind: "other" }, 0, /is no file/],
];

it.each(steps)("a step that is %s", (_what, over, own, fault) => {
  const found = stepFault(step(over), own);
  if (fault === null) expect(found).toBe(null);
  else expect(found).toMatch(fault);
});

const runners = ["noop"];
const read = (path: string) => readPolicy(path, runners);

async function placed(text = "allow: {packs: [core]}\n") {
  const folder = await tempFolder("policy");
  const above = join(folder, "etc");
  const path = join(above, "policy.yaml");
  await mkdir(above, { mode: 0o755 });
  await writeFile(path, text, { mode: 0o644 });
  return { folder, above, path };
}

describe("a policy file", () => {
  test("is read with its digest", async () => {
    const { path } = await placed();
    const reading = await read(path);
    expect(reading).toMatchObject({ path, digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) });
    expect(reading?.policy.judge("packs", "core")).toBe(null);
    expect(reading?.policy.judge("packs", "evil")?.by).toBe("packs");
  });

  test("may be missing where nobody named it, and only there", async () => {
    const { folder } = await placed();
    const path = join(folder, "none", "policy.yaml");
    expect(await readPolicy(null, runners, path)).toBe(null);
    await expect(read(path)).rejects.toMatchObject({ code: "FILE_UNREADABLE", where: path });
  });

  test("that a link leads to is trusted as the link and what it leads to are", async () => {
    const { folder, above, path } = await placed();
    const link = join(folder, "link.yaml");
    await symlink("etc/policy.yaml", link);
    expect(await read(link)).toMatchObject({ path: link });
    await symlink(above, join(folder, "linked"));
    expect(await read(join(folder, "linked", "policy.yaml"))).not.toBe(null);
    await chmod(above, 0o777);
    await expect(read(link)).rejects.toMatchObject({ code: "POLICY_UNSAFE" });
    await chmod(above, 0o755);
    await rename(path, `${path}.old`);
    // A link to nothing is not the same as no policy.
    await expect(readPolicy(null, runners, link)).rejects.toMatchObject({ code: "POLICY_UNSAFE" });
    expect(await readPolicy(null, runners, join(folder, "linked", "policy.yaml"))).toBe(null);
    await symlink(link, path);
    await expect(read(link)).rejects.toThrow(/too many links/);
  });

  test("that somebody else could write, or put another in the place of, is not taken", async () => {
    const { folder, above, path } = await placed();
    await chmod(path, 0o664);
    await expect(read(path)).rejects.toMatchObject({
      code: "POLICY_UNSAFE",
      message: expect.stringContaining(path),
      where: path,
    });
    await chmod(path, 0o644);
    for (const place of [above, folder]) {
      await chmod(place, 0o775);
      await expect(read(path)).rejects.toMatchObject({ code: "POLICY_UNSAFE" });
      await chmod(place, 0o755);
    }
    await expect(readPolicy(null, runners, above)).rejects.toThrow(/is no file/);
    if (process.getuid?.() !== 0) return;
    for (const place of [path, above]) {
      await chown(place, 65_534, 0);
      await expect(read(path)).rejects.toThrow(/belongs to user 65534/);
      await chown(place, 0, 0);
    }
    expect(await read(path)).not.toBe(null);
  });

  test("that is no text is not taken", async () => {
    const { path } = await placed();
    await writeFile(path, Buffer.from([0x61, 0xff, 0xfe]));
    await expect(read(path)).rejects.toMatchObject({ where: path });
  });
});
