/** Blobs across the link: ranges by question and answer, resumed where they ended. */
import { Buffer } from "node:buffer";
import { isPetrelError, PetrelError } from "../errors.ts";
import { isObject, type Json, type JsonObject } from "../json.ts";
import type { Responder } from "../link/ask.ts";
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
  readonly digest: string;
  readonly blobs: BlobStore;
  /** For each range. */
  readonly withinMs?: number;
}

interface Range {
  readonly bytes: Uint8Array;
  /** Of the whole. */
  readonly size: number;
}

/**
 * The content, once it is in the store, whole and checked. What was fetched before an interruption is not fetched
 * again; content with another digest is fetched anew, once. BLOB_MISSING, BLOB_TOO_LARGE, BLOB_CORRUPT, ASK_TIMEOUT,
 * LINK_CLOSED.
 */
export async function fetchBlob(fetch: BlobFetch): Promise<Uint8Array> {
  const { digest, blobs } = fetch;
  if (!(await blobs.has(digest))) {
    await blobs.fetching(digest, async (partial) => {
      // Another caller may have fetched it while this one waited.
      if (await blobs.has(digest)) return;
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
  return blobs.readAll(digest);
}

async function fetchRest(fetch: BlobFetch, partial: PartialBlob): Promise<void> {
  const start = await partial.size();
  // The first answer tells the size; the others are asked for ahead.
  const { bytes, size } = await askRange(fetch, start);
  if (start > size) throw new PetrelError("BLOB_CORRUPT", `more of ${fetch.digest} is here than there is`);
  await partial.append(bytes);
  const ahead: Promise<Range>[] = [];
  let next = start + bytes.length;
  while (next < size || ahead.length > 0) {
    while (next < size && ahead.length < rangesInFlight) {
      const range = askRange(fetch, next, size);
      // The first failure ends the fetch; those behind it are not waited for.
      range.catch(() => {});
      ahead.push(range);
      next += Math.min(rangeBytes, size - next);
    }
    const range = await ahead.shift();
    if (range !== undefined) await partial.append(range.bytes);
  }
}

async function askRange(fetch: BlobFetch, offset: number, size?: number): Promise<Range> {
  const { ask, digest, withinMs = 30_000 } = fetch;
  const answer = await ask(blobQuestion, { digest, offset, length: rangeBytes }, withinMs);
  const wrong = (what: string) => new PetrelError("BLOB_CORRUPT", `the peer's ${digest} ${what}`);
  if (!isObject(answer) || typeof answer.data !== "string") throw wrong("comes in another form");
  const whole = answer.size;
  if (!isCount(whole, Number.MAX_SAFE_INTEGER) || (size ?? whole) !== whole) throw wrong("has another size");
  if (whole > maxBlobBytes) throw new PetrelError("BLOB_TOO_LARGE", `${digest} has ${whole} bytes`);
  const bytes = Buffer.from(answer.data, "base64");
  if (bytes.length !== Math.max(0, Math.min(rangeBytes, whole - offset)))
    throw wrong("comes in other pieces");
  return { bytes, size: whole };
}

function isCount(value: unknown, most: number): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= most;
}
