/** What read(2) hands out of a fanotify group that reports directories with names, fanotify(7). Pure. */

export const fan = {
  MODIFY: 0x2,
  ATTRIB: 0x4,
  CLOSE_WRITE: 0x8,
  CREATE: 0x100,
  DELETE: 0x200,
  DELETE_SELF: 0x400,
  MOVE_SELF: 0x800,
  Q_OVERFLOW: 0x4000,
  RENAME: 0x10000000,
  EVENT_ON_CHILD: 0x08000000,
  ONDIR: 0x40000000,
} as const;

/** A name in the folder that the handle stands for; `.` is the folder itself. */
export interface NameInFolder {
  /** File system and handle as one key: a string with one character for each byte. */
  readonly key: string;
  readonly fileSystem: string;
  /** `struct file_handle`, as open_by_handle_at(2) takes it. */
  readonly handle: Buffer;
  readonly name: string;
}

export interface FanotifyEvent {
  readonly mask: number;
  readonly pid: number;
  /** Of every event but a rename. */
  readonly at: NameInFolder | null;
  readonly from: NameInFolder | null;
  readonly to: NameInFolder | null;
}

const metadataBytes = 24;
const infoDirectoryName = 2;
const infoOldName = 10;
const infoNewName = 12;

/** Events of one read, in order. Stops at what it cannot make sense of: `isWhole` is false then. */
export function decodeFanotify(bytes: Buffer): {
  readonly events: readonly FanotifyEvent[];
  readonly isWhole: boolean;
} {
  const events: FanotifyEvent[] = [];
  let offset = 0;
  while (offset + metadataBytes <= bytes.length) {
    const length = bytes.readUInt32LE(offset);
    const headLength = bytes.readUInt16LE(offset + 6);
    const end = offset + length;
    if (length < metadataBytes || headLength < metadataBytes || end > bytes.length)
      return { events, isWhole: false };
    const event = {
      // Bits above 32 are not asked for.
      mask: bytes.readUInt32LE(offset + 8),
      pid: bytes.readInt32LE(offset + 20),
      at: null as NameInFolder | null,
      from: null as NameInFolder | null,
      to: null as NameInFolder | null,
    };
    for (let info = offset + headLength; info + 4 <= end; ) {
      const type = bytes[info];
      const infoLength = bytes.readUInt16LE(info + 2);
      if (infoLength < 4 || info + infoLength > end) return { events, isWhole: false };
      if (type === infoDirectoryName) event.at = nameIn(bytes, info, infoLength);
      else if (type === infoOldName) event.from = nameIn(bytes, info, infoLength);
      else if (type === infoNewName) event.to = nameIn(bytes, info, infoLength);
      info += infoLength;
    }
    events.push(event);
    offset = end;
  }
  return { events, isWhole: offset === bytes.length };
}

/** struct fanotify_event_info_fid: header 4, fsid 8, file_handle { bytes u32, type i32, … }, name. */
function nameIn(bytes: Buffer, at: number, length: number): NameInFolder | null {
  const handleAt = at + 12;
  if (length < 20) return null;
  const handleLength = 8 + bytes.readUInt32LE(handleAt);
  const nameAt = handleAt + handleLength;
  const end = at + length;
  if (nameAt > end) return null;
  const nul = bytes.indexOf(0, nameAt);
  const nameEnd = nul === -1 || nul > end ? end : nul;
  return {
    key: bytes.toString("latin1", at + 4, nameAt),
    fileSystem: bytes.toString("latin1", at + 4, handleAt),
    handle: bytes.subarray(handleAt, nameAt),
    name: bytes.toString("latin1", nameAt, nameEnd),
  };
}
