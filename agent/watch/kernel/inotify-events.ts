/** What read(2) hands out of an inotify instance, inotify(7). Pure. */

export const inotify = {
  MODIFY: 0x2,
  ATTRIB: 0x4,
  CLOSE_WRITE: 0x8,
  MOVED_FROM: 0x40,
  MOVED_TO: 0x80,
  CREATE: 0x100,
  DELETE: 0x200,
  DELETE_SELF: 0x400,
  MOVE_SELF: 0x800,
  UNMOUNT: 0x2000,
  Q_OVERFLOW: 0x4000,
  IGNORED: 0x8000,
  ONLYDIR: 0x01000000,
  DONT_FOLLOW: 0x02000000,
  ISDIR: 0x40000000,
} as const;

export interface InotifyEvent {
  /** -1 with Q_OVERFLOW. */
  readonly watch: number;
  readonly mask: number;
  /** Joins the two halves of a move. */
  readonly cookie: number;
  /** Empty: the watched folder itself. */
  readonly name: string;
}

const headBytes = 16;

/** Events of one read, in order. `isWhole` is false when the bytes make no sense from somewhere on. */
export function decodeInotify(bytes: Buffer): {
  readonly events: readonly InotifyEvent[];
  readonly isWhole: boolean;
} {
  const events: InotifyEvent[] = [];
  let offset = 0;
  while (offset + headBytes <= bytes.length) {
    const length = bytes.readUInt32LE(offset + 12);
    const nameAt = offset + headBytes;
    const end = nameAt + length;
    if (end > bytes.length) break;
    const nul = bytes.indexOf(0, nameAt);
    events.push({
      watch: bytes.readInt32LE(offset),
      mask: bytes.readUInt32LE(offset + 4),
      cookie: bytes.readUInt32LE(offset + 8),
      name: length === 0 ? "" : bytes.toString("latin1", nameAt, nul === -1 || nul > end ? end : nul),
    });
    offset = end;
  }
  return { events, isWhole: offset === bytes.length };
}
