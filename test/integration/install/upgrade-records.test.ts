/** What an upgrade leaves on disk, for who may read it: the hub is none but its own account, and its unit has a narrow umask. */
import { execFile } from "node:child_process";
import { mkdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { hubProduct } from "../../../hub/install/product.ts";
import { lastUpgradeFound } from "../../../shared/doctor/last-upgrade.ts";
import { lastUpgrade } from "../../../shared/doctor/last-upgrade-fs.ts";
import { guardText } from "../../../shared/install/guard.ts";
import { layoutOf, programOf } from "../../../shared/install/layout.ts";
import { leaveWhenTakenBack } from "../../../shared/install/own-trial-process.ts";
import { type Pending, pendingText } from "../../../shared/install/pending.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const trial: Pending = {
  from: "1.0.0",
  to: "1.1.0",
  sha256: "a".repeat(64),
  at: "2026-11-29T00:00:00Z",
  linked: false,
  sensors: [],
  formatFrom: 1,
  formatTo: 1,
  back: null,
};
const back = { ...trial, back: "unwell" };
const outcome = { from: "1.0.0", to: "1.1.0", result: "rolled-back", why: "unwell", at: "now" } as const;

/** A hub whose version 1.1.0 is on trial. */
async function onTrial(pending: Pending | null = trial) {
  const layout = layoutOf(hubProduct, await tempFolder("records"));
  for (const version of ["1.0.0", "1.1.0"]) {
    const program = programOf(layout, hubProduct, version);
    await mkdir(dirname(program), { recursive: true });
    await writeFile(program, "#!/bin/sh\n", { mode: 0o755 });
  }
  await symlink("versions/1.1.0", layout.current);
  await writeFile(layout.guard, guardText(hubProduct), { mode: 0o755 });
  if (pending !== null) await writeFile(layout.pending, pendingText(pending), { mode: 0o600 });
  await writeFile(layout.starts, "3\n");
  return layout;
}

/** As a unit with `UMask=0077` runs it. */
const closed = (...words: readonly string[]) =>
  promisify(execFile)("sh", ["-c", 'umask 077; exec "$@"', "sh", ...words]);

const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

describe("under a narrow umask everybody may read", () => {
  test("how an upgrade ended that the guard took back", async () => {
    const layout = await onTrial();
    await closed(layout.guard);
    expect(await readFile(layout.outcome, "utf8")).toContain("result=rolled-back\n");
    expect(await modeOf(layout.outcome)).toBe(0o644);
  });

  test("the record of one that the guard has marked, and could not switch", async () => {
    const layout = await onTrial();
    await mkdir(join(layout.base, "current.guard"));
    await closed(layout.guard);
    expect(await readFile(layout.pending, "utf8")).toContain("back=3 starts of 1.1.0 ended\n");
    expect(await modeOf(layout.pending)).toBe(0o644);
  });

  test("what is written beside it", async () => {
    const layout = await onTrial(null);
    const releases = resolve(import.meta.dirname, "../../../shared/install/releases-fs.ts");
    const run = (what: string, with_: unknown) =>
      closed(
        process.execPath,
        ...["--input-type=module", "-e"],
        `import * as releases from ${JSON.stringify(releases)};
         await releases.${what}(${[layout, with_].map((each) => JSON.stringify(each)).join()}, "unwell");`,
      );
    await run("writePending", trial);
    expect(await modeOf(layout.pending)).toBe(0o644);
    await run("markBack", trial);
    expect(await modeOf(layout.pending)).toBe(0o644);
    await run("endPending", outcome);
    expect(await modeOf(layout.outcome)).toBe(0o644);
  });
});

test.each(["outcome", "pending", "versions"] as const)(
  "the doctor goes on where `%s` cannot be read, and says so",
  async (which) => {
    const layout = await onTrial(null);
    const path = layout[which];
    await rm(path, { recursive: true, force: true });
    // Not even root can read these.
    if (which === "versions") await writeFile(path, "");
    else await mkdir(path);
    const found = lastUpgradeFound(await lastUpgrade(hubProduct, layout.root), hubProduct);
    expect(found).toMatchObject([
      {
        level: "warning",
        what: expect.stringMatching(/^how the last upgrade ended cannot be read: .*E(IS|NOT)DIR/),
        fix: expect.stringContaining("chmod"),
      },
    ]);
  },
);

describe("a hub on trial", () => {
  /** What it does, with what becomes of the record after each of its looks, the last of it for ever. */
  async function follows(
    first: Pending | "unreadable",
    ...later: readonly (Pending | null | "switched back")[]
  ) {
    const layout = await onTrial(first === "unreadable" ? null : first);
    if (first === "unreadable") await mkdir(layout.pending);
    const said: string[] = [];
    let at = 0;
    await leaveWhenTakenBack({
      product: hubProduct,
      layout,
      version: "1.1.0",
      graceMs: 0,
      signal: new AbortController().signal,
      end: (why) => void said.push(`ends: ${why}`),
      unended: (why) => void said.push(`stays: ${why}`),
      unseen: () => void said.push("cannot see"),
      pause: async () => {
        const next = later[at++];
        if (next === undefined) return;
        if (next === "switched back") {
          await rm(layout.current);
          await symlink("versions/1.0.0", layout.current);
          return;
        }
        await rm(layout.pending, { recursive: true });
        if (next !== null) await writeFile(layout.pending, pendingText(next));
      },
    });
    return said;
  }

  test("ends when it is taken back, and nobody starts the old version", async () => {
    expect(await follows(trial, back)).toEqual(["ends: unwell"]);
  });

  test("looks again after a look that showed nothing", async () => {
    expect(await follows("unreadable", trial, back)).toEqual(["cannot see", "ends: unwell"]);
  });

  test("goes on when its own start has not ended the way back: the next would not either", async () => {
    expect(await follows(back)).toEqual(["stays: unwell"]);
  });

  test("ends when it is taken back on a disk that takes no mark", async () => {
    expect(await follows(trial, "switched back")).toEqual([
      expect.stringMatching(/^ends: .*the disk took no word of why/),
    ]);
  });

  test("is left alone once its trial is over", async () => {
    expect(await follows(trial, null)).toEqual([]);
    expect(await follows(back, null)).toEqual([]);
  });
});
