/** A binary on this machine that is to be handed out: what it is, and its content in compressed parts. */
import { createHash } from "node:crypto";
import { createReadStream, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { constants, createZstdCompress } from "node:zlib";
import { digestOf } from "../../../shared/blobs/blob-ref.ts";
import { PetrelError } from "../../../shared/errors.ts";
import { machineOf } from "../../../shared/install/candidate.ts";
import { checkDigest, describe, headOf, wantedDigest } from "../../../shared/install/candidate-process.ts";
import { type Copy, copyOf } from "../../../shared/install/releases-fs.ts";
import type { BlobRef } from "../../../shared/model/execution.ts";
import { type Architecture, architectures, mostParts, partBytes } from "../../../shared/upgrade/manifest.ts";

export interface ReleaseFlags {
  readonly release?: string;
  readonly arch?: string;
  readonly sha256?: string;
  readonly sums?: string;
}

export interface ReleaseFile {
  /** Of the copy. */
  readonly path: string;
  readonly version: string;
  readonly arch: Architecture;
  readonly sha256: string;
  /** Of its database; `null`: this machine cannot ask it. */
  readonly storeFormat: number | null;
}

/** Zstandard's own: nearly as small as what takes ten times as long. */
const level = 9;
const program = "petrel-agent";
const endings = ["SIGTERM", "SIGHUP"] as const;

const isArchitecture = (text: string): text is Architecture =>
  (architectures as readonly string[]).includes(text);

/**
 * Copies a file to a folder of its own, and resolves to what `use` does with the copy: what was verified is what is run,
 * and what is sent. What it is comes from its head, and from what it says when it is run, unless flags say it. The copy is
 * removed, also when a signal ends this process. CLI_USAGE when that is not enough, UPGRADE_DIGEST, UPGRADE_UNFIT, FILE_UNREADABLE.
 */
export async function withRelease<T>(
  file: string,
  flags: ReleaseFlags,
  cwd: string,
  use: (release: ReleaseFile) => Promise<T>,
): Promise<T> {
  const wanted = await wantedDigest(file, flags, cwd);
  // Nobody else can write there, or look into it.
  const folder = mkdtempSync(join(tmpdir(), "petrel-release-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  // Ctrl-C ends by an exit. These two end without one: they are sent once more, when nobody listens for them.
  const removeAndEnd = (signal: NodeJS.Signals) => {
    remove();
    process.kill(process.pid, signal);
  };
  process.once("exit", remove);
  for (const signal of endings) process.once(signal, removeAndEnd);
  try {
    return await use(await described(await copyOf(file, join(folder, program)), wanted, flags, file));
  } finally {
    process.removeListener("exit", remove);
    for (const signal of endings) process.removeListener(signal, removeAndEnd);
    remove();
  }
}

async function described(
  { path, sha256 }: Copy,
  wanted: string | null,
  flags: ReleaseFlags,
  where: string,
): Promise<ReleaseFile> {
  checkDigest(sha256, wanted, where);
  const machine = machineOf(await headOf(path));
  const arch = flags.arch ?? machine ?? process.arch;
  if (!isArchitecture(arch))
    throw new PetrelError("CLI_USAGE", `'${arch}' is no architecture of agents`, {
      where,
      hint: `write --arch ${architectures.join(" or --arch ")}`,
    });
  if (flags.release !== undefined) {
    const runs = machine === process.arch ? await describe(path, where).catch(() => null) : null;
    return { path, version: flags.release, arch, sha256, storeFormat: runs?.store_format ?? null };
  }
  // What runs here can say itself what it is; a script, in tests, is for any machine.
  if (machine !== null && machine !== process.arch)
    throw new PetrelError("CLI_USAGE", `this machine cannot ask a program for ${machine} for its version`, {
      where,
      hint: "say it: --release 1.2.3",
    });
  const said = await describe(path, where).catch((error: unknown) => {
    throw isBarred(error)
      ? new PetrelError(error.code, error.message, {
          where,
          hint: `a copy of it was run in ${dirname(path)}, where nothing may be run (a file system with noexec?): TMPDIR=/var/tmp puts it elsewhere; or say what it is: --release 1.2.3`,
          cause: error,
        })
      : error;
  });
  if (said.program !== program)
    throw new PetrelError("UPGRADE_UNFIT", `this is ${said.program}, and not ${program}`, { where });
  return { path, version: said.version, arch, sha256, storeFormat: said.store_format };
}

/** Whether the system let nobody run it: its mode is not the reason, since a copy has one of its own. */
function isBarred(error: unknown): error is PetrelError {
  const cause: unknown = error instanceof PetrelError ? error.cause : null;
  return cause instanceof Error && "code" in cause && cause.code === "EACCES";
}

/** Compresses it and gives the parts to `send`, one after the other; answers what the manifest says of them. */
export async function sendParts(
  file: string,
  sha256: string,
  send: (ref: BlobRef, part: Uint8Array) => Promise<void>,
): Promise<{ readonly bytes: number; readonly parts: readonly BlobRef[] }> {
  const parts: BlobRef[] = [];
  const hash = createHash("sha256");
  let bytes = 0;
  const source = createReadStream(file);
  source.on("data", (chunk) => {
    bytes += chunk.length;
    hash.update(chunk as Buffer);
  });
  const compress = createZstdCompress({
    params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 1 },
  });
  source.on("error", (error) => compress.destroy(error));
  let waiting: Buffer[] = [];
  let size = 0;
  const cut = async (most: number) => {
    const all = Buffer.concat(waiting);
    let at = 0;
    for (; all.length - at >= most && at < all.length; at += partBytes) {
      const part = all.subarray(at, at + partBytes);
      const ref = { digest: digestOf(part), size: part.length };
      if (parts.length === mostParts)
        throw new PetrelError(
          "RELEASE_INVALID",
          `compressed it has more than ${mostParts * partBytes} bytes`,
          {
            where: file,
          },
        );
      await send(ref, part);
      parts.push(ref);
    }
    waiting = at < all.length ? [all.subarray(at)] : [];
    size = Math.max(0, all.length - at);
  };
  for await (const chunk of source.pipe(compress)) {
    waiting.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size >= partBytes) await cut(partBytes);
  }
  await cut(1);
  if (hash.digest("hex") !== sha256)
    throw new PetrelError("UPGRADE_DIGEST", "the file changed while it was read", { where: file });
  return { bytes, parts };
}
