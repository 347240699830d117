/** Looks into a binary that is to be handed out: that its parts are there, and are what they are said to be. */
import { createHash } from "node:crypto";
import { PetrelError } from "../../shared/errors.ts";
import { checkMachine } from "../../shared/install/candidate.ts";
import { inflated } from "../../shared/upgrade/inflate.ts";
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
  for await (const piece of inflated(partsOf(manifest, readPart))) {
    bytes += piece.length;
    if (bytes > manifest.bytes) throw invalid("it is longer than it was said to be");
    if (head.length < headBytes) head = Buffer.concat([head, piece.subarray(0, headBytes)]);
    hash.update(piece);
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

async function* partsOf(
  { parts }: ReleaseManifest,
  readPart: (digest: string) => Promise<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  for (const { digest, size } of parts) {
    const part = await readPart(digest);
    if (part.length !== size) throw invalid(`part ${digest} has ${part.length} bytes, and not ${size}`);
    yield part;
  }
}

function invalid(why: string): PetrelError {
  return new PetrelError("RELEASE_INVALID", `the content cannot be read: ${why}`, { hint: "send it again" });
}
