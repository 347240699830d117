/** lstat(2) by statx(2) through koffi, straight into the bytes that are compared: no object for what has not changed. */
import { loadKoffi } from "../../../shared/runtime/addon-process.ts";
import type { BytePath } from "../../../shared/watch/paths.ts";
import type { StatOutcome } from "../look-fs.ts";
import { decodeStat, PackedStat, statBytes } from "../packed-stat.ts";
import { basicAndBirth, folderKind, Statx } from "./statx.ts";

/** PATH_MAX, with the zero byte. */
const maxPathBytes = 4_096;
/** Stats that share a piece of memory. */
const statsOfSlab = 128;
const atCwd = -100;
const noFollow = 0x100;

export type LookAt = (path: BytePath) => StatOutcome;

let loaded: LookAt | null | undefined;

/** `null` where koffi or statx(2) is not to be had. */
export function quickLook(): LookAt | null {
  if (loaded === undefined) {
    try {
      loaded = bind();
    } catch {
      // Node has the call, too.
      loaded = null;
    }
  }
  return loaded;
}

function bind(): LookAt | null {
  const koffi = loadKoffi();
  const statx = koffi
    .load(null)
    .func(
      "int statx(int fd, const uint8_t *path, int flags, unsigned int mask, uint8_t *into)",
    ) as unknown as (...values: readonly unknown[]) => number;
  const codes = new Map(Object.entries(koffi.os.errno).map(([code, errno]) => [errno, code]));
  const { ENOENT, ENOTDIR } = koffi.os.errno;
  const name = Buffer.alloc(maxPathBytes);
  const found = new Statx();
  let slab = Buffer.alloc(0);
  let view = new DataView(slab.buffer);
  let at = 0;

  const pack = (): void => {
    if (at + statBytes > slab.length) {
      slab = Buffer.from(new ArrayBuffer(statsOfSlab * statBytes));
      view = new DataView(slab.buffer);
      at = 0;
    }
    found.pack(slab, view, at);
  };

  const look: LookAt = (path) => {
    if (path.length >= maxPathBytes) return { error: "ENAMETOOLONG" };
    name[name.write(path, "latin1")] = 0;
    if (statx(atCwd, name, noFollow, basicAndBirth, found.bytes) !== 0) {
      const errno = koffi.errno();
      return errno === ENOENT || errno === ENOTDIR
        ? { found: null }
        : { error: codes.get(errno) ?? `errno ${errno}` };
    }
    const { kind } = found;
    pack();
    const from = at;
    at += statBytes;
    if (kind !== folderKind) return { found: new PackedStat(slab, from) };
    const folder = decodeStat(slab.subarray(from, from + statBytes));
    return { found: folder === null ? null : { ...folder, size: found.size } };
  };
  return "found" in look("/") ? look : null;
}
