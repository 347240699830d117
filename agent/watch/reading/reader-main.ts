/** The program of a thread that reads files for the first record of many: a batch in, what was read of it out. */
import { parentPort } from "node:worker_threads";
import { type FileRead, fileReader, type ReadFile } from "../kernel/file-calls-fs.ts";
import { xattrReader } from "../kernel/xattrs-fs.ts";
import { readExtras } from "../look-fs.ts";
import { decodeStat, statBytes } from "../packed-stat.ts";
import { digestBytes } from "../record.ts";
import { type FileWanted, outcomes, type ReadAnswer, type ReadRequest, type Xattrs } from "./batch.ts";

const port = parentPort;
if (port === null) throw new Error("this file runs as a worker thread only");

const readFile = quickly() ?? throughNode();
const nothingWanted: FileWanted = { digest: false, digestMaxBytes: 0, xattrs: false };

port.on("message", (request: ReadRequest) => {
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
