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

type AskPeer = (op: string, args: JsonObject, withinMs: number) => Promise<Json>;

export interface BlobFetch {
  /** The link's `ask`. */
  readonly ask: AskPeer;
  readonly ref: BlobRef;
  readonly store: BlobStore;
  /** For each range. */
  readonly withinMs: number;
  /** Ranges on their way at once (4): fewer leave room for other questions. */
  readonly ahead?: number;
}

/** Bytes of a blob that the peer has, for one that is known by its digest alone. BLOB_MISSING. */
export async function blobSize(ask: AskPeer, digest: string, withinMs: number): Promise<number> {
  const answer = await ask(blobQuestion, { digest, offset: 0, length: 0 }, withinMs);
  if (isObject(answer) && isCount(answer.size, Number.MAX_SAFE_INTEGER)) return answer.size;
  throw new PetrelError("BLOB_CORRUPT", `the peer's answer about ${digest} names no size`);
}

/**
 * Resolves once the blob is in the store, whole and checked. What was fetched before an interruption is not fetched
 * again; content with another digest is fetched anew, once. BLOB_MISSING, BLOB_TOO_LARGE, BLOB_CORRUPT, ASK_TIMEOUT,
 * LINK_CLOSED.
 */
export async function fetchBlob(fetch: BlobFetch): Promise<void> {
  const { ref, store } = fetch;
  if (ref.size > maxBlobBytes) throw new PetrelError("BLOB_TOO_LARGE", `${ref.digest} has ${ref.size} bytes`);
  if (await store.has(ref.digest)) return;
  await store.fetching(ref.digest, async (partial) => {
    // Another caller may have fetched it while this one waited.
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

async function fetchRest(fetch: BlobFetch, partial: PartialBlob): Promise<void> {
  const { digest, size } = fetch.ref;
  const { ahead: most = rangesInFlight } = fetch;
  let next = await partial.size();
  if (next > size) throw new PetrelError("BLOB_CORRUPT", `more of ${digest} is here than there is`);
  const ahead: Promise<Uint8Array>[] = [];
  while (next < size || ahead.length > 0) {
    while (next < size && ahead.length < most) {
      const range = askRange(fetch, next);
      // The first failure ends the fetch; those behind it are not waited for.
      range.catch(() => {});
      ahead.push(range);
      next += Math.min(rangeBytes, size - next);
    }
    const bytes = await ahead.shift();
    if (bytes !== undefined) await partial.append(bytes);
  }
}

async function askRange({ ask, ref, withinMs }: BlobFetch, offset: number): Promise<Uint8Array> {
  const { digest, size } = ref;
  const length = Math.min(rangeBytes, size - offset);
  const answer = await ask(blobQuestion, { digest, offset, length }, withinMs);
  if (!isObject(answer) || typeof answer.data !== "string" || answer.size !== size) {
    throw new PetrelError("BLOB_CORRUPT", `the peer's ${digest} has another size or form`);
  }
  const bytes = Buffer.from(answer.data, "base64");
  if (bytes.length !== length)
    throw new PetrelError("BLOB_CORRUPT", `a range of ${digest} has another length`);
  return bytes;
}

function isCount(value: unknown, most: number): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= most;
}
