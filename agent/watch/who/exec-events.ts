/** What a fanotify group says about files opened to be run (FAN_OPEN_EXEC, fanotify(7)). Pure. */
import type { Buffer } from "node:buffer";

export const openExec = 0x1000;
const overflow = 0x4000;
const metadataBytes = 24;

export interface ExecOpened {
  /** An open descriptor of the file, to be closed; -1 without one. */
  readonly fd: number;
  readonly pid: number;
  readonly isOverflow: boolean;
}

export function decodeExecEvents(bytes: Buffer): readonly ExecOpened[] {
  const events: ExecOpened[] = [];
  for (let offset = 0; offset + metadataBytes <= bytes.length; ) {
    const length = bytes.readUInt32LE(offset);
    if (length < metadataBytes || offset + length > bytes.length) break;
    events.push({
      fd: bytes.readInt32LE(offset + 16),
      pid: bytes.readInt32LE(offset + 20),
      isOverflow: (bytes.readUInt32LE(offset + 8) & overflow) !== 0,
    });
    offset += length;
  }
  return events;
}

/** `ld.so` is opened by the kernel behind each program that is linked dynamically; it is not the program. */
export function isLinker(path: string): boolean {
  return /\/ld(64|-linux[^/]*|-musl[^/]*|-\d[^/]*)?\.so(\.\d+)*$/.test(path);
}
