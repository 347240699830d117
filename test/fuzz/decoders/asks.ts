/** What an agent asks its hub, and what a peer answers for a blob, on a real store. */
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { openDatastore } from "../../../hub/datastore/open-datastore-fs.ts";
import { openLevelStore } from "../../../hub/store/level-store.ts";
import { BlobStore } from "../../../shared/blobs/blob-fs.ts";
import { digestOf } from "../../../shared/blobs/blob-ref.ts";
import { blobResponder, blobSize, fetchBlob } from "../../../shared/blobs/blob-transfer.ts";
import { errorReport, isPetrelError } from "../../../shared/errors.ts";
import { ulidSource } from "../../../shared/ids.ts";
import { isObject, type Json, type JsonObject } from "../../../shared/json.ts";
import type { Responder } from "../../../shared/link/ask.ts";
import { createLogger } from "../../../shared/log.ts";
import { systemClock, systemJitter, systemRandom, systemTimers } from "../../../shared/system-process.ts";
import { atEnd } from "../../support/at-end.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import type { Decoder, Verdict } from "../campaign.ts";

/** As `verdictOf`, for what answers later. */
async function verdictAfter(work: () => unknown): Promise<Verdict> {
  try {
    await work();
    return "taken";
  } catch (error) {
    if (isPetrelError(error) && errorReport(error).code !== "INTERNAL") return "refused";
    throw error;
  }
}

/** The JSON object of an input; `null` where the codec before would have refused it. */
function objectOf(text: string): JsonObject | null {
  try {
    const value = JSON.parse(text) as Json;
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

export async function openAsks(): Promise<Decoder> {
  const folder = await tempFolder("fuzz");
  const log = createLogger({ level: "error", format: "text", write: () => {}, now: systemClock.now });
  const shared = { clock: systemClock, random: systemRandom };
  const store = await openLevelStore({ folder: join(folder, "db"), ...shared, logger: log });
  atEnd(() => store.close());
  const { keys, responders } = await openDatastore({
    store,
    data: folder,
    random: systemRandom,
    now: systemClock.now,
    newId: ulidSource(systemClock, systemRandom),
    timers: systemTimers,
    jitter: systemJitter,
    log,
  });
  atEnd(() => keys.close());
  const blobs = await BlobStore.open({ folder: join(folder, "blobs") });
  const digest = await blobs.put(Buffer.from("a blob of a few bytes")).then(({ digest }) => digest);
  const asked: Readonly<Record<string, Responder>> = { ...responders("web-1"), blob: blobResponder(blobs) };
  const ops = Object.keys(asked);
  const user = { name: "n" };
  const some: readonly JsonObject[] = [
    { digest, offset: 0, length: 5 },
    { ...user, decrypt: true },
    { ...user, value: "v", ttl: 5, encrypt: false, execution: "01HQ0000000000000000000001" },
    { ...user, prefix: "n", limit: 10, offset: 0 },
    { sealed: "AAAA", value: "v" },
  ];
  return {
    name: "asks",
    // The first line says what is asked.
    seeds: ops.flatMap((op) => some.map((args) => Buffer.from(`${op}\n${JSON.stringify(args)}`))),
    words: [...ops, '"name":"../x"', '"scope":"user"', '"limit":1e9', '"offset":-1', `"digest":"${digest}"`],
    // Keys that are set stay: each with its value, and there may be some thousands of names.
    growthMib: 64,
    async take(input) {
      const [op = "", ...rest] = Buffer.from(input).toString("utf8").split("\n");
      const args = objectOf(rest.join("\n"));
      const answer = Object.hasOwn(asked, op) ? asked[op] : undefined;
      if (args === null || answer === undefined) return "refused";
      return verdictAfter(() => answer(args));
    },
  };
}

export async function openBlobs(): Promise<Decoder> {
  const folder = await tempFolder("fuzz");
  const store = await BlobStore.open({ folder: join(folder, "blobs") });
  const content = Buffer.from("what the peer is asked for");
  const ref = { digest: digestOf(content), size: content.length };
  const whole = { data: content.toString("base64"), size: content.length };
  return {
    name: "blobs",
    seeds: [whole, { ...whole, size: 5 }, { data: "AAAA", size: 3 }].map((answer) =>
      Buffer.from(JSON.stringify(answer)),
    ),
    words: ['"size":26', '"data":""', '"data":null', "====", String(2 ** 53)],
    maxBytes: 8 * 1024,
    async take(input) {
      const answer = objectOf(Buffer.from(input).toString("utf8"));
      const ask = async () => answer;
      const size = await verdictAfter(() => blobSize(ask, ref.digest, 1_000));
      const fetched = await verdictAfter(() => fetchBlob({ ask, ref, store, withinMs: 1_000 }));
      // Else the next one would not be asked for.
      if (fetched === "taken") await store.delete(ref.digest, Number.POSITIVE_INFINITY);
      return size === "taken" || fetched === "taken" ? "taken" : "refused";
    },
  };
}
