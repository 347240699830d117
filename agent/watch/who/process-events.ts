/** What the kernel's process connector says over netlink (linux/cn_proc.h): forks, programs started, ends. Pure. */
import { Buffer } from "node:buffer";

export type ProcessEvent =
  | { readonly kind: "fork"; readonly at: number; readonly pid: number; readonly parent: number }
  | { readonly kind: "exec"; readonly at: number; readonly pid: number }
  | { readonly kind: "uid"; readonly at: number; readonly pid: number; readonly uid: number }
  | { readonly kind: "exit"; readonly at: number; readonly pid: number }
  /** The answer to a request, by the number it bore: 0, or an errno. */
  | { readonly kind: "answer"; readonly request: number; readonly error: number };

const netlinkBytes = 16;
/** In front of an event: nlmsghdr and cn_msg. */
const headBytes = netlinkBytes + 20;
const connectorIndex = 1;
const connectorValue = 1;
const messageDone = 3;
const listen = 1;
const what = { fork: 0x1, exec: 0x2, uid: 0x4, exit: 0x80000000 } as const;

/** Events of one read, in order; threads are left out. What belongs to somebody else is skipped. `at`: ms, CLOCK_MONOTONIC. */
export function decodeProcessEvents(bytes: Buffer): readonly ProcessEvent[] {
  const events: ProcessEvent[] = [];
  for (let offset = 0; offset + netlinkBytes <= bytes.length; ) {
    const length = bytes.readUInt32LE(offset);
    if (length < netlinkBytes || offset + length > bytes.length) break;
    const event = length >= headBytes + 20 ? decodeOne(bytes, offset, length) : null;
    if (event !== null) events.push(event);
    offset += (length + 3) & ~3;
  }
  return events;
}

function decodeOne(bytes: Buffer, offset: number, length: number): ProcessEvent | null {
  if (bytes.readUInt32LE(offset + 16) !== connectorIndex) return null;
  if (bytes.readUInt32LE(offset + 20) !== connectorValue) return null;
  const event = offset + headBytes;
  const end = offset + length;
  const kind = bytes.readUInt32LE(event);
  const at = Number(bytes.readBigUInt64LE(event + 8)) / 1e6;
  const first = event + 16;
  const number = (index: number) =>
    first + index * 4 + 4 <= end ? bytes.readUInt32LE(first + index * 4) : 0;
  switch (kind) {
    case 0:
      return { kind: "answer", request: (bytes.readUInt32LE(offset + 28) - 1) >>> 0, error: number(0) };
    case what.fork:
      return number(2) === number(3) ? { kind: "fork", at, pid: number(3), parent: number(1) } : null;
    case what.exec:
      return { kind: "exec", at, pid: number(1) };
    case what.uid:
      return { kind: "uid", at, pid: number(1), uid: number(2) };
    case what.exit:
      return number(0) === number(1) ? { kind: "exit", at, pid: number(1) } : null;
    default:
      return null;
  }
}

/**
 * The request for events, answered with an event of no kind. `filtered`: only the kinds that are used here; an answer is
 * none of them, and Linux before 6.6 ignores it. `own`: our process id.
 */
export function listenRequest(request: number, own: number, filtered: boolean): Buffer {
  const payload = filtered ? 8 : 4;
  const bytes = Buffer.alloc(headBytes + payload);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt16LE(messageDone, 4);
  bytes.writeUInt32LE(own, 12);
  bytes.writeUInt32LE(connectorIndex, 16);
  bytes.writeUInt32LE(connectorValue, 20);
  // The kernel numbers what it sends by itself: only this comes back, one higher.
  bytes.writeUInt32LE(request, 28);
  bytes.writeUInt16LE(payload, 32);
  bytes.writeUInt32LE(listen, headBytes);
  if (filtered) {
    const kinds = (what.fork | what.exec | what.uid | what.exit) >>> 0;
    bytes.writeUInt32LE(kinds, headBytes + 4);
  }
  return bytes;
}
