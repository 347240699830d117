/** Blobs across the link: ranges by question and answer, resumed where they ended. */
import { Buffer } from "node:buffer";
import { isPetrelError, PetrelError } from "../errors.ts";
import { isObject, type Json, type JsonObject } from "../json.ts";
import type { Responder } from "../link/ask.ts";
import type { BlobRef } from "../model/execution.ts";
import type { BlobStore, PartialBlob } from "./blob-fs.ts";
import { isDigest, maxBlobBytes } from "./blob-ref.ts";

/** The question's name. */
export const blobQuestion = "blob";
/** Bytes of one range. */
export const rangeBytes = 64 * 1024;
/** Ranges asked for ahead of the one that is written next. */
const rangesInFlight = 4;

/** Answers `{digest, offset, length}` with `{data, size}`: base64 of the range, and the size of the whole. */
export function blobResponder(store: Pick<BlobStore, "read">): Responder {
  return async ({ digest, offset, length }) => {
    const valid =
      typeof digest === "string" &&
      isDigest(digest) &&
      isCount(offset, maxBlobBytes) &&
      isCount(length, rangeBytes);
    if (!valid) {
      throw new PetrelError(
        "WIRE_PACKET",
        `a range is {digest, offset, length} of at most ${rangeBytes} bytes`,
      );
    }
    const { bytes, size } = await store.read(digest, offset, length);
    return { data: Buffer.from(bytes).toString("base64"), size };
  };
}

export interface BlobFetch {
  /** The link's `ask`. */
  readonly ask: (op: string, args: JsonObject, withinMs: number) => Promise<Json>;
  readonly ref: BlobRef;
  readonly store: BlobStore;
  /** For each range. */
  readonly withinMs: number;
}

/**
 * Resolves once the blob is in the store, whole and checked. What was fetched before an interruption is not fetched
 * again; content with another digest is fetched anew, once. BLOB_MISSING, BLOB_TOO_LARGE, BLOB_CORRUPT, ASK_TIMEOUT,
 * LINK_CLOSED.
 */
export async function fetchBlob(fetch: BlobFetch): Promise<void> {
  const { ref, store } = fetch;
  if (ref.size > maxBlobBytes) throw new PetrelError("BLOB_TOO_LARGE", `a blob of ${ref.size} bytes`);
  if (await store.has(ref.digest)) return;
  await store.fetching(ref.digest, async (partial) => {
    if (await store.has(ref.digest)) return;
    try {
      await fetchRest(fetch, partial);
      await partial.finish();
    } catch (error) {
      if (!isPetrelError(error) || error.code !== "BLOB_CORRUPT") throw error;
      await partial.clear();
      await fetchRest(fetch, partial);
      await partial.finish();
    }
  });
}

async function fetchRest({ ask, ref, withinMs }: BlobFetch, partial: PartialBlob): Promise<void> {
  const ranges: Promise<Uint8Array>[] = [];
  let asked = await partial.size();
  if (asked > ref.size) throw new PetrelError("BLOB_CORRUPT", `more of ${ref.digest} is here than there is`);
  const range = async (offset: number): Promise<Uint8Array> => {
    const length = Math.min(rangeBytes, ref.size - offset);
    return rangeOf(await ask(blobQuestion, { digest: ref.digest, offset, length }, withinMs), ref, length);
  };
  while (asked < ref.size || ranges.length > 0) {
    while (asked < ref.size && ranges.length < rangesInFlight) {
      const next = range(asked);
      // The first failure ends the fetch; those behind it are not waited for.
      next.catch(() => {});
      ranges.push(next);
      asked += Math.min(rangeBytes, ref.size - asked);
    }
    const bytes = await ranges.shift();
    if (bytes !== undefined) await partial.append(bytes);
  }
}

function rangeOf(answer: Json, ref: BlobRef, length: number): Uint8Array {
  if (!isObject(answer) || typeof answer.data !== "string" || answer.size !== ref.size) {
    throw new PetrelError("BLOB_CORRUPT", `the peer's ${ref.digest} has another size`);
  }
  const bytes = Buffer.from(answer.data, "base64");
  if (bytes.length !== length) throw new PetrelError("BLOB_CORRUPT", `a range of ${ref.digest} is too short`);
  return bytes;
}

function isCount(value: unknown, most: number): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= most;
}
