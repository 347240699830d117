/** Looks into a binary that is to be handed out: that its parts are there, and are what they are said to be. */
import { createHash } from "node:crypto";
import { createZstdDecompress } from "node:zlib";
import { PetrelError } from "../../shared/errors.ts";
import { checkMachine } from "../../shared/install/candidate.ts";
import type { ReleaseManifest } from "../../shared/upgrade/manifest.ts";

const headBytes = 20;

/** Reads it through, part by part. RELEASE_INVALID, UPGRADE_DIGEST, UPGRADE_ARCHITECTURE, BLOB_MISSING. */
export async function checkContent(
  manifest: ReleaseManifest,
  readPart: (digest: string) => Promise<Uint8Array>,
): Promise<void> {
  const hash = createHash("sha256");
  let bytes = 0;
  let head = Buffer.alloc(0);
  let tooMuch = false;
  const inflate = createZstdDecompress();
  const ended = new Promise<void>((resolve, reject) => {
    inflate.on("error", reject);
    inflate.on("end", resolve);
    inflate.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (head.length < headBytes) head = Buffer.concat([head, chunk.subarray(0, headBytes)]);
      hash.update(chunk);
      if (bytes > manifest.bytes && !tooMuch) {
        tooMuch = true;
        inflate.destroy(new Error("it is longer than it was said to be"));
      }
    });
  });
  ended.catch(() => {
    // Whoever feeds it is told, below.
  });
  try {
    for (const { digest, size } of manifest.parts) {
      const part = await readPart(digest);
      if (part.length !== size) throw new Error(`part ${digest} has ${part.length} bytes, and not ${size}`);
      if (inflate.destroyed) break;
      // A few parts of a few megabytes, one after the other: nothing is gained by asking for its callback first.
      if (!inflate.write(part)) await Promise.race([drained(inflate), ended]);
    }
    inflate.end();
    await ended;
  } catch (cause) {
    if (cause instanceof PetrelError) throw cause;
    throw new PetrelError("RELEASE_INVALID", `the content cannot be read: ${(cause as Error).message}`, {
      hint: "the parts have to be one Zstandard stream; `petrel agent release add FILE` makes them",
      cause,
    });
  } finally {
    inflate.destroy();
  }
  const found = hash.digest("hex");
  if (bytes !== manifest.bytes || found !== manifest.sha256)
    throw new PetrelError(
      "UPGRADE_DIGEST",
      `its digest is ${found} (${bytes} bytes), and ${manifest.sha256} was said`,
      {
        hint: "send it again",
      },
    );
  checkMachine(head.subarray(0, headBytes), manifest.arch, `version ${manifest.version}`);
}

function drained(stream: NodeJS.EventEmitter): Promise<void> {
  return new Promise((resolve) => stream.once("drain", resolve));
}
