/** More folders than the kernel grants watches: what is left is said, and watched again once there is room. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Inotify } from "../../../../agent/watch/kernel/inotify-fs.ts";
import { loadLibc, SystemCallError } from "../../../../agent/watch/kernel/libc-fs.ts";
import { systemTimers } from "../../../../shared/system-process.ts";
import { atEnd } from "../../../support/at-end.ts";
import { tempFolder } from "../../../support/temp-folder.ts";
import { waitUntil } from "../../../support/wait-until.ts";

test("folders without a watch are named, each with all that is below it", async () => {
  const root = await tempFolder("many");
  for (const name of ["a/1", "b/2", "c/3"]) await mkdir(join(root, name), { recursive: true });
  const libc = loadLibc();
  let left = 3;
  const limited = {
    ...libc,
    inotifyAddWatch: (fd: number, path: string, mask: number) => {
      if (left === 0) throw new SystemCallError("inotify_add_watch", 28, "ENOSPC");
      left--;
      return libc.inotifyAddWatch(fd, path, mask);
    },
  };
  const blind: string[] = [];
  const observer = new Inotify({
    libc: limited,
    tree: { roots: [root], isFollowed: () => false, mayEnter: () => true },
    listener: { hints: () => {}, blind: (cause, path) => blind.push(`${cause} ${path}`) },
    timers: systemTimers,
  });
  atEnd(() => observer.stop());
  await observer.add(root);
  const unwatched = [...observer.unwatchedWithin(root)];
  expect(observer.watches).toBe(3);
  // The root, one folder and what is in it have a watch; the others are named without what is below them.
  expect(unwatched).toHaveLength(2);
  for (const path of unwatched) expect([join(root, "a"), join(root, "b"), join(root, "c")]).toContain(path);
  // Told once: everything below the root is looked at again, whatever the folder.
  await waitUntil("the word of it", () => blind.length > 0);
  expect(blind).toEqual([expect.stringMatching(/^watch-limit /)]);

  left = 100;
  await observer.add(root);
  expect([observer.watches, observer.unwatchedWithin(root)]).toEqual([7, []]);
});
