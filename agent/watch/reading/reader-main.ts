/** The program of a thread that reads files for the first record of many: a batch in, what was read of it out. */
import { parentPort, workerData } from "node:worker_threads";
import { Seal } from "../integrity/seal.ts";
import { type FileRead, fileReader, type ReadFile } from "../kernel/file-calls-fs.ts";
import { xattrReader } from "../kernel/xattrs-fs.ts";
import { isRacy } from "../look.ts";
import { readExtras } from "../look-fs.ts";
import { decodeStat, PackedStat, statBytes } from "../packed-stat.ts";
import { digestBytes, PackedRecord } from "../record.ts";
import { type FileWanted, outcomes, type ReadAnswer, type ReadRequest, type Xattrs } from "./batch.ts";
import { RowsBuilder, type SealAnswer, type SealRequest } from "./sealing.ts";

/** What a thread is begun with. */
export interface ReaderData {
  /** Of the baseline's seals. */
  readonly sealKey: Uint8Array;
}

const port = parentPort;
if (port === null) throw new Error("this file runs as a worker thread only");

const readFile = quickly() ?? throughNode();
const seal = new Seal(bufferOf((workerData as ReaderData).sealKey));
/** PATH_MAX. */
const maxPathBytes = 4_096;
const nothingWanted: FileWanted = { digest: false, digestMaxBytes: 0, xattrs: false };

port.on("message", (request: ReadRequest | SealRequest) => {
  if ("toSeal" in request) {
    const sealed = sealAll(request);
    // Handed over, and not copied.
    port.postMessage(sealed, [sealed.bytes.buffer as ArrayBuffer, sealed.lengths.buffer as ArrayBuffer]);
    return;
  }
  // A rejection ends the thread, and its batch is read by others.
  void answer(request).then((read) => port.postMessage(read));
});

type Read = (...file: Parameters<ReadFile>) => FileRead | Promise<FileRead>;

async function answer({ id, paths, stats, wants, which }: ReadRequest): Promise<ReadAnswer> {
  const files = which.length;
  const codes = new Uint8Array(files);
  const digests = Buffer.from(new ArrayBuffer(files * digestBytes));
  const xattrs: [number, Xattrs][] = [];
  const path = bufferOf(paths);
  const file = {
    path,
    pathFrom: 0,
    pathEnd: 0,
    stat: bufferOf(stats),
    statFrom: 0,
    digest: digests,
    digestFrom: 0,
  };
  for (let n = 0; n < files; n++) {
    file.pathFrom = file.pathEnd;
    file.pathEnd = path.indexOf(0, file.pathFrom) + 1;
    file.statFrom = n * statBytes;
    file.digestFrom = n * digestBytes;
    const found = readFile(file, wants[which[n] ?? 0] ?? nothingWanted);
    const read = found instanceof Promise ? await found : found;
    codes[n] = outcomes.indexOf(read.outcome);
    if (read.xattrs !== null) xattrs.push([n, read.xattrs]);
  }
  return { id, outcomes: codes, digests, xattrs };
}

/** Whoever looks by himself at what is left needs what he finds for more than its row: to try again, to tell why. */
function sealAll({ id, toSeal, wants, which }: SealRequest): SealAnswer {
  const paths = which.length === 0 ? [] : toSeal.split("\0");
  const rows = new RowsBuilder(seal, paths.length);
  const left: number[] = [];
  const path = Buffer.alloc(maxPathBytes);
  const [stats, digests] = [Buffer.from(new ArrayBuffer(statBytes)), Buffer.alloc(digestBytes)];
  const file = {
    path,
    pathFrom: 0,
    pathEnd: 0,
    stat: stats,
    statFrom: 0,
    takes: new DataView(stats.buffer),
    digest: digests,
    digestFrom: 0,
  };
  const stat = new PackedStat(stats);
  const plain = new PackedRecord(stat, digests, 0);
  paths.forEach((at, n) => {
    const at0 = Date.now();
    const wanted = wants[which[n] ?? 0] ?? nothingWanted;
    if (at.length >= maxPathBytes) {
      left.push(n);
      return;
    }
    file.pathEnd = path.write(at, "latin1");
    path[file.pathEnd++] = 0;
    const read = readFile(file, wanted);
    if (read instanceof Promise || read.outcome !== "digest" || isRacy(stat, at0)) left.push(n);
    else if (read.xattrs === null) rows.add(at, plain);
    else rows.add(at, { stat, extras: { ...plain.extras, xattrs: read.xattrs }, version: plain.version });
  });
  return { id, ...rows.rows(), left: Uint32Array.from(left) };
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function quickly(): Read | null {
  try {
    return fileReader();
  } catch {
    // No system calls of our own here: Node has all but the attributes.
    return null;
  }
}

function throughNode(): Read {
  const readXattrs = xattrReader();
  return async ({ path, pathFrom, pathEnd, stat, statFrom, digest: into, digestFrom }, wanted) => {
    const at = path.toString("latin1", pathFrom, pathEnd - 1);
    const expected = decodeStat(stat.subarray(statFrom, statFrom + statBytes));
    const extras =
      expected === null ? null : await readExtras(at, expected, { ...wanted, follow: false }, readXattrs);
    if (extras === null) return { outcome: "changed", xattrs: null };
    const { digest, digestMissing, xattrs = null } = extras;
    if (digest !== null) into.write(digest, digestFrom, "hex");
    const missing = digestMissing === "too-large" || digestMissing === "unreadable" ? digestMissing : "none";
    return { outcome: digest !== null ? "digest" : missing, xattrs };
  };
}
