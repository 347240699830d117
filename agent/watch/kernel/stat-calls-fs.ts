/** lstat(2) by statx(2) through koffi, straight into the bytes that are compared: no object for what has not changed. */
import { createRequire } from "node:module";
import type { BytePath } from "../../../shared/watch/paths.ts";
import type { StatOutcome } from "../look-fs.ts";
import { decodeStat, layout, PackedStat, statBytes } from "../packed-stat.ts";

/** PATH_MAX, with the zero byte. */
const maxPathBytes = 4_096;
/** Stats that share a piece of memory. */
const statsOfSlab = 128;
const atCwd = -100;
const noFollow = 0x100;
const basicAndBirth = 0xfff;
const nsOfSecond = 1_000_000_000n;
const [fileKind, folderKind, linkKind, otherKind] = [0, 1, 2, 3] as const;

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
  const koffi = createRequire(import.meta.url)("koffi") as typeof import("koffi");
  const statx = koffi
    .load(null)
    .func(
      "int statx(int fd, const uint8_t *path, int flags, unsigned int mask, uint8_t *into)",
    ) as unknown as (...values: readonly unknown[]) => number;
  const codes = new Map(Object.entries(koffi.os.errno).map(([code, errno]) => [errno, code]));
  const { ENOENT, ENOTDIR } = koffi.os.errno;
  const name = Buffer.alloc(maxPathBytes);
  const memory = new ArrayBuffer(256);
  const found = Buffer.from(memory);
  const longs = new BigInt64Array(memory);
  const words = new Uint32Array(memory);
  const shorts = new Uint16Array(memory);
  let slab = Buffer.alloc(0);
  let at = 0;

  /** Offsets are those of struct statx. */
  const pack = (kind: number): void => {
    if (at + statBytes > slab.length) {
      slab = Buffer.from(new ArrayBuffer(statsOfSlab * statBytes));
      at = 0;
    }
    const [seconds, ns] = [(n: number) => longs[n / 8] ?? 0n, (n: number) => BigInt(words[n / 4] ?? 0)];
    const time = (n: number) => BigInt.asIntN(64, seconds(n) * nsOfSecond + ns(n + 8));
    slab[at] = layout;
    slab[at + 1] = kind;
    slab.writeUInt16LE((shorts[14] ?? 0) & 0o7777, at + 2);
    slab.writeUInt32LE(words[4] ?? 0, at + 4);
    const into = new DataView(slab.buffer, at);
    if (kind !== folderKind) found.copy(slab, at + 8, 40, 48);
    else into.setBigInt64(8, 0n);
    into.setBigInt64(16, time(112), true);
    into.setBigInt64(24, time(96), true);
    found.copy(slab, at + 32, 20, 28);
    found.copy(slab, at + 40, 32, 40);
    into.setBigInt64(48, time(80), true);
  };

  const look: LookAt = (path) => {
    if (path.length >= maxPathBytes) return { error: "ENAMETOOLONG" };
    name[name.write(path, "latin1")] = 0;
    if (statx(atCwd, name, noFollow, basicAndBirth, found) !== 0) {
      const errno = koffi.errno();
      return errno === ENOENT || errno === ENOTDIR
        ? { found: null }
        : { error: codes.get(errno) ?? `errno ${errno}` };
    }
    const kind = kindOf((shorts[14] ?? 0) & 0o170000);
    pack(kind);
    const from = at;
    at += statBytes;
    if (kind !== folderKind) return { found: new PackedStat(slab, from) };
    const folder = decodeStat(slab.subarray(from, from + statBytes));
    return { found: folder === null ? null : { ...folder, size: found.readBigUInt64LE(40) } };
  };
  return "found" in look("/") ? look : null;
}

function kindOf(type: number): number {
  if (type === 0o100000) return fileKind;
  if (type === 0o040000) return folderKind;
  return type === 0o120000 ? linkKind : otherKind;
}
