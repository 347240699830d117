/** Packs out of tar archives: of the host's tar in every format it knows, and made by hand to do harm. */
import { execFile } from "node:child_process";
import { chmod, link, mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isPetrelError } from "../../../../shared/errors.ts";
import { isSafePath, packLimits } from "../../../../shared/packs/contents.ts";
import { readTarball } from "../../../../shared/packs/tarball.ts";
import { type TarPart, tarOf } from "../../../support/tar.ts";
import { tempFolder } from "../../../support/temp-folder.ts";

const run = promisify(execFile);
const manifest: TarPart = { path: "pack.yaml", content: "name: a\n" };

const shown = (bytes: Uint8Array) => {
  const { folder, files } = readTarball(bytes, "a.tar");
  return [folder, ...files.map(({ path, content }) => `${path}=${Buffer.from(content)}`)];
};

describe("archives of the host's tar", () => {
  const long = `lib/${"deep/".repeat(25)}${"n".repeat(90)}.py`;

  test.for([
    ["v7", ".tar", ["--format=v7"]],
    ["ustar", ".tar", ["--format=ustar"]],
    ["oldgnu", ".tar.gz", ["--format=oldgnu", "-z"]],
    ["gnu", ".tgz", ["--format=gnu", "-z"]],
    ["pax", ".tar.gz", ["--format=posix", "-z"]],
  ] as const)("in format %s are read whole", async ([format, end, options]) => {
    const folder = await tempFolder();
    const pack = join(folder, "mine-1.0");
    // The oldest formats have no room for long names, and say so themselves.
    const paths = [...(format === "v7" || format === "ustar" ? [] : [long, "lib/größe.py"]), "actions/a.sh"];
    for (const path of ["pack.yaml", ".git/config", "lib/__pycache__/a.pyc", ...paths]) {
      await mkdir(join(pack, path, ".."), { recursive: true });
      await writeFile(join(pack, path), path);
    }
    await chmod(join(pack, "actions/a.sh"), 0o755);
    await symlink("a.sh", join(pack, "actions/b.sh"));
    await symlink("../actions", join(pack, "lib/actions"));
    const archive = join(folder, `a${end}`);
    await run("tar", ["-c", ...options, "-f", archive, "-C", folder, "mine-1.0"]);
    const read = readTarball(await readFile(archive), archive);
    expect(read.folder).toBe("mine-1.0");
    expect(read.files.find(({ path }) => path === "actions/a.sh")?.mode).toBe(0o755);
    const linked = ["actions/b.sh", "lib/actions/a.sh", "lib/actions/b.sh"];
    expect(read.files.map(({ path }) => path)).toEqual(["pack.yaml", ...paths, ...linked].sort());
    for (const { path, content } of read.files) {
      expect(Buffer.from(content).toString()).toBe(path.endsWith(".sh") ? "actions/a.sh" : path);
    }
  });

  test("hard links are files", async () => {
    const folder = await tempFolder();
    await writeFile(join(folder, "pack.yaml"), "name: a\n");
    await link(join(folder, "pack.yaml"), join(folder, "same.yaml"));
    await run("tar", ["-cf", join(folder, "a.tar"), "-C", folder, "./pack.yaml", "./same.yaml"]);
    expect(shown(await readFile(join(folder, "a.tar")))).toEqual([
      null,
      "pack.yaml=name: a\n",
      "same.yaml=name: a\n",
    ]);
  });
});

test("a path that stands in an archive twice is what it was last", () => {
  expect(shown(tarOf([manifest, { path: "a", content: "1" }, { path: "./a", content: "2" }]))).toEqual([
    null,
    "a=2",
    "pack.yaml=name: a\n",
  ]);
});

test("a link leads through linked folders, and up from what they lead to, as on disk", async () => {
  const folder = await tempFolder();
  const pack = join(folder, "p");
  await mkdir(join(pack, "real/deep"), { recursive: true });
  await mkdir(join(pack, "other"));
  await writeFile(join(pack, "pack.yaml"), "name: p\n");
  await writeFile(join(pack, "real/deep/a"), "deep");
  await writeFile(join(pack, "real/b"), "real");
  await writeFile(join(pack, "b"), "top");
  await symlink("real/deep", join(pack, "short"));
  await symlink("../short", join(pack, "other/shorter"));
  await symlink("short/a", join(pack, "one"));
  await symlink("short/../b", join(pack, "two"));
  await symlink("other/shorter/../deep/../b", join(pack, "three"));
  await run("tar", ["-cf", join(folder, "p.tar"), "-C", folder, "p"]);
  const { files } = readTarball(await readFile(join(folder, "p.tar")), "p.tar");
  const contents = Object.fromEntries(
    files.map(({ path, content }) => [path, Buffer.from(content).toString()]),
  );
  expect(contents).toMatchObject({
    ...{ one: "deep", two: "real", three: "real" },
    ...{ "short/a": "deep", "other/shorter/a": "deep" },
  });
  for (const { path, content } of files) expect(content).toEqual(await readFile(join(pack, path)));
});

test("a link to a folder stands for its files", () => {
  const parts = [
    manifest,
    { path: "lib/x/a", content: "1" },
    { path: "same", type: "2", target: "lib/" },
    { path: "again", type: "2", target: "same" },
  ];
  expect(shown(tarOf(parts))).toEqual([
    null,
    "again/x/a=1",
    "lib/x/a=1",
    "pack.yaml=name: a\n",
    "same/x/a=1",
  ]);
});

describe("is refused", () => {
  const record = (text: string) => {
    const length = text.length + 3;
    return `${length + (String(length).length - 1)} ${text}\n`;
  };
  test.for<readonly [string, readonly TarPart[], RegExp]>([
    ["a path out of it", [manifest, { path: "../a" }], /"\.\.\/a" is not allowed/],
    ["a path out of it, in the middle", [manifest, { path: "a/../../b" }], /is not allowed/],
    ["an absolute path", [manifest, { path: "/etc/passwd" }], /is not allowed/],
    ["a folder out of it", [manifest, { path: "../a/", type: "5" }], /is not allowed/],
    ["a control character", [manifest, { path: "a\nb" }], /is not allowed/],
    [
      "a pax path out of it",
      [manifest, { path: "h", type: "x", content: record("path=../evil") }, { path: "a" }],
      /is not allowed/,
    ],
    [
      "a GNU path out of it",
      [manifest, { path: "h", type: "L", content: "../evil\0" }, { path: "a" }],
      /evil/,
    ],
    ["a link out of it", [manifest, { path: "a", type: "2", target: "../x" }], /a is a link that leads out/],
    ["an absolute link", [manifest, { path: "a", type: "2", target: "/etc/passwd" }], /leads out/],
    ["a hard link out of it", [manifest, { path: "a", type: "1", target: "../x" }], /leads out/],
    ["a link to the whole", [manifest, { path: "a", type: "2", target: "." }], /leads out/],
    [
      "a link out of the pack's own folder",
      [
        { path: "top/pack.yaml", content: "" },
        { path: "top/a", type: "2", target: "../other" },
        { path: "top/b", content: "" },
      ],
      /leads out/,
    ],
    [
      "a link out of it by a linked folder",
      [
        manifest,
        { path: "d/e/x", content: "" },
        { path: "in", type: "2", target: "d/e" },
        { path: "a", type: "2", target: "in/../../../x" },
      ],
      /a is a link that leads out/,
    ],
    [
      "links on each other's way",
      [manifest, { path: "a", type: "2", target: "b/x" }, { path: "b", type: "2", target: "a/x" }],
      /without an end/,
    ],
    [
      "a link by two that lead to each other",
      [
        manifest,
        { path: "c", type: "2", target: "a/x" },
        { path: "a", type: "2", target: "b" },
        { path: "b", type: "2", target: "a" },
      ],
      /without an end/,
    ],
    [
      "a link with a way longer than any",
      [manifest, { path: "a", type: "2", target: "./".repeat(3_000) }],
      /leads out/,
    ],
    ["a link to itself", [manifest, { path: "a", type: "2", target: "a" }], /without an end/],
    [
      "a link to nothing",
      [manifest, { path: "a", type: "2", target: "b" }],
      /leads to b, which is not there/,
    ],
    [
      "a link to the folder it lies in",
      [manifest, { path: "d/a", type: "2", target: "../d" }, { path: "d/b" }],
      /without an end/,
    ],
    ["no pack.yaml", [{ path: "top/other/pack.yaml" }], /no pack.yaml/],
    ["nothing", [], /no pack.yaml/],
  ])("%s", ([, parts, message]) => {
    expect(() => readTarball(tarOf(parts), "a.tar")).toThrow(message);
    expect(() => readTarball(tarOf(parts), "a.tar")).toThrow(
      expect.objectContaining({ code: "PACK_INVALID" }),
    );
  });

  test("too many files", () => {
    const parts = Array.from({ length: packLimits.files }, (_, index) => ({ path: `f${index}` }));
    expect(readTarball(tarOf([manifest, ...parts.slice(1)]), "a").files).toHaveLength(packLimits.files);
    expect(() => readTarball(tarOf([manifest, ...parts]), "a")).toThrow(
      expect.objectContaining({ code: "PACK_TOO_LARGE" }),
    );
  });

  test("links to links to folders, before they become millions of files", () => {
    const levels = Array.from({ length: 15 }, (_, level) =>
      ["a", "b"].map((name) => ({ path: `d${level}/${name}`, type: "2", target: `../d${level + 1}` })),
    );
    expect(() => readTarball(tarOf([manifest, ...levels.flat(), { path: "d15/x.pyc" }]), "a")).toThrow(
      expect.objectContaining({ code: "PACK_TOO_LARGE" }),
    );
  });

  test("links through links through links, each many times on its way, before they take an age", () => {
    const links = Array.from({ length: 30 }, (_, n) => ({
      path: `l${n}`,
      type: "2",
      target: n === 29 ? "d" : `l${n + 1}/../`.repeat(8).concat(`l${n + 1}`),
    }));
    const { files } = readTarball(tarOf([manifest, { path: "d/x", content: "x" }, ...links]), "a.tar");
    expect(files.filter(({ path }) => path.endsWith("/x"))).toHaveLength(31);
  });

  test("too many bytes, also by links to the same file and zipped to a few", () => {
    const big = { path: "big", content: Buffer.alloc(packLimits.totalBytes / 2) };
    const once = [manifest, big];
    expect(readTarball(tarOf(once), "a").files).toHaveLength(2);
    for (const bytes of [
      tarOf([...once, { path: "again", type: "2", target: "big" }]),
      gzipSync(Buffer.alloc(packLimits.totalBytes * 5), { level: 1 }),
    ]) {
      expect(() => readTarball(bytes, "a")).toThrow(expect.objectContaining({ code: "PACK_TOO_LARGE" }));
    }
  });

  test.for([
    ["xz", "\xfd7zXZ\0 and more"],
    ["zip", "PK\x03\x04 and more"],
    ["bzip2", "BZh9 and more"],
  ])("%s, by its name", ([name, text]) => {
    expect(() => readTarball(Buffer.from(text ?? "", "latin1"), "a")).toThrow(
      `an archive of ${name} is not read`,
    );
  });

  test("what is cut short, wherever", () => {
    const whole = tarOf([manifest, { path: "a", content: "x".repeat(600) }]);
    for (const length of [100, 511, 1024 + 512, 1024 + 512 + 512]) {
      expect(() => readTarball(whole.subarray(0, length), "a"), String(length)).toThrow(
        expect.objectContaining({ code: "PACK_INVALID" }),
      );
    }
    const zipped = gzipSync(whole);
    expect(() => readTarball(zipped.subarray(0, zipped.length - 20), "a")).toThrow(/unzipped/);
  });
});

describe("whatever an archive holds", () => {
  const path = fc.oneof(
    fc.stringMatching(/^[a-c.]{1,3}(?:\/[a-c.]{1,3}){0,3}$/),
    fc.constantFrom("..", "/a", "a/../b", "./a", "a//b", ""),
  );
  const parts = fc.array(
    fc.record({
      path,
      target: path,
      type: fc.constantFrom("0", "0", "0", "1", "2", "5", "6", "x", "L"),
      content: fc.string({ maxLength: 20 }),
    }),
    { maxLength: 8 },
  );

  test("what is read lies below the folder, and all else is told as an error of ours", () => {
    fc.assert(
      fc.property(parts, fc.array(fc.tuple(fc.nat(4000), fc.nat(255)), { maxLength: 2 }), (list, flips) => {
        const bytes = tarOf([manifest, ...list]);
        for (const [at, value] of flips) bytes[at % bytes.length] = value;
        try {
          const { files } = readTarball(bytes, "a");
          expect(files.every((file) => isSafePath(file.path))).toBe(true);
          expect(new Set(files.map((file) => file.path)).size).toBe(files.length);
        } catch (error) {
          if (!isPetrelError(error)) throw error;
        }
      }),
      { numRuns: 400 },
    );
  });
});
