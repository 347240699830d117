/** Makes a result fit for an entry: what is too large, or not fit for the wire, goes into a blob. */
import { Buffer } from "node:buffer";
import { maxBlobBytes } from "../../shared/blobs/blob-ref.ts";
import { sealBlob, sealedBlobRoom } from "../../shared/blobs/sealed-blob.ts";
import type { RandomBytes } from "../../shared/clock.ts";
import type { Json } from "../../shared/json.ts";
import type { BlobRef } from "../../shared/model/execution.ts";
import { jsonProblem } from "../../shared/wire/plain-json.ts";
import type { ResultRecord } from "./journal.ts";
import type { RunOutcome } from "./outcome.ts";

/** Where large results are kept until the hub has fetched them. Resolves once on disk. */
export interface ResultBlobs {
  put(bytes: Uint8Array): Promise<BlobRef>;
}

/** Leaves room in an entry of 128 KiB for the rest of the update. */
export const maxInlineResultBytes = 96 * 1024;

/** Of one that may hold secrets: encrypted it takes four bytes for three. */
const maxInlineSecretBytes = (maxInlineResultBytes / 4) * 3;

export type StorableResult =
  | { readonly result: Json }
  /** JSON text; cut and marked when it exceeds 16 MiB. With a key: encrypted. */
  | { readonly result_blob: BlobRef; readonly result_key?: string };

/** `random`: of a result that may hold secrets. Rejects with what the blob store rejects with. */
export async function storableResult(
  result: Json,
  blobs: ResultBlobs,
  random: RandomBytes | null = null,
): Promise<StorableResult> {
  const bytes = Buffer.from(JSON.stringify(result));
  const most = random === null ? maxInlineResultBytes : maxInlineSecretBytes;
  if (bytes.length <= most && jsonProblem(result) === null) return { result };
  if (random !== null) {
    const cut = bytes.subarray(0, maxBlobBytes - sealedBlobRoom);
    const sealed = sealBlob(cut, random);
    const ref = await blobs.put(sealed.bytes);
    const isCut = cut.length < bytes.length;
    return { result_blob: isCut ? { ...ref, truncated: true } : ref, result_key: sealed.key };
  }
  const ref = await blobs.put(bytes.subarray(0, maxBlobBytes));
  return { result_blob: bytes.length > maxBlobBytes ? { ...ref, truncated: true } : ref };
}

/** The rest of a reason is in the result. */
const maxReasonLength = 2_000;

/** What the journal keeps of an outcome; `random` and rejections as of `storableResult`. */
export async function resultRecord(
  { status, reason, result }: RunOutcome,
  blobs: ResultBlobs,
  when: { readonly startedAt: string | null; readonly endedAt: string; readonly random: RandomBytes | null },
): Promise<ResultRecord> {
  const { startedAt, endedAt, random } = when;
  return {
    status,
    ...(await storableResult(result, blobs, random)),
    ...(reason !== undefined && { reason: reason.slice(0, maxReasonLength) }),
    ...(startedAt !== null && { started_at: startedAt }),
    ended_at: endedAt,
  };
}
