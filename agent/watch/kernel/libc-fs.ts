/** The few system calls that Node does not have, through koffi. Loaded on demand; without it everything is swept. */
import { loadKoffi } from "../../../shared/runtime/addon-process.ts";
import { type BytePath, pathBuffer } from "../../../shared/watch/paths.ts";

/** Constants of <fcntl.h>, <sys/fanotify.h>, <sys/inotify.h> on Linux, the same on x64 and arm64 where used here. */
export const flags = {
  O_RDONLY: 0,
  O_NONBLOCK: 0o4000,
  O_CLOEXEC: 0o2000000,
  O_PATH: 0o10000000,
  O_LARGEFILE: 0o100000,
  AT_FDCWD: -100,
} as const;

export class SystemCallError extends Error {
  readonly call: string;
  readonly errno: number;
  readonly code: string;

  constructor(call: string, errno: number, code: string) {
    super(`${call}: ${code}`);
    this.call = call;
    this.errno = errno;
    this.code = code;
  }
}

/** Each throws a SystemCallError where the call fails. */
export interface Libc {
  fanotifyInit(initFlags: number, eventFlags: number): number;
  fanotifyMark(fd: number, markFlags: number, mask: bigint, path: BytePath): void;
  inotifyInit(initFlags: number): number;
  /** The watch's number. */
  inotifyAddWatch(fd: number, path: BytePath, mask: number): number;
  inotifyRemoveWatch(fd: number, watch: number): void;
  /** A descriptor for the object a file handle names; `mountFd` is any descriptor on its file system. */
  openByHandle(mountFd: number, handle: Buffer): number;
  /** The 8 bytes by which fanotify names the file system that `path` is on. */
  fileSystemId(path: BytePath): Buffer;
  pipe(pipeFlags: number): readonly [number, number];
  duplicate(fd: number, onto: number, duplicateFlags: number): void;
  /** Another descriptor of the same thing, closed at exec. */
  copyOf(fd: number): number;
  close(fd: number): void;
  /** Bytes read into `buffer`; `null` when there is nothing to read now. */
  read(fd: number, buffer: Buffer): number | null;
  /** Netlink: a datagram socket bound to multicast groups; `queueBytes` are kept for us. */
  netlinkSocket(protocol: number, groups: number, queueBytes?: number): number;
  send(fd: number, bytes: Buffer): void;
  /** Of the object itself; a link is not followed. `null` where there are none. */
  xattrNames(path: BytePath): Buffer | null;
  xattr(path: BytePath, name: Buffer): Buffer | null;
}

/** A burst of processes must not overflow the queue. */
const usualQueueBytes = 8 * 1024 * 1024;

/** The kernel takes as much memory as it is offered: few paths need more than the first. */
const xattrSizes = [512, 65_536] as const;

type Call = (...values: readonly unknown[]) => number;

let loaded: Libc | Error | null = null;

/** Throws when koffi, or a symbol, is not to be had here; the reason is remembered. */
export function loadLibc(): Libc {
  if (loaded === null) {
    try {
      loaded = bind();
    } catch (error) {
      loaded = error instanceof Error ? error : new Error(String(error));
    }
  }
  if (loaded instanceof Error) throw loaded;
  return loaded;
}

function bind(): Libc {
  const koffi = loadKoffi();
  const library = koffi.load(null);
  const codes = new Map(Object.entries(koffi.os.errno).map(([code, errno]) => [errno, code]));
  const define = (prototype: string): Call => library.func(prototype) as unknown as Call;
  const checked = (name: string, call: Call): Call => {
    return (...values) => {
      const outcome = call(...values);
      if (outcome >= 0) return outcome;
      const errno = koffi.errno();
      throw new SystemCallError(name, errno, codes.get(errno) ?? `errno ${errno}`);
    };
  };
  const call = (name: string, prototype: string) => checked(name, define(prototype));
  const fanotifyInit = call("fanotify_init", "int fanotify_init(unsigned int a, unsigned int b)");
  const fanotifyMark = call(
    "fanotify_mark",
    "int fanotify_mark(int fd, unsigned int flags, uint64_t mask, int dirfd, const uint8_t *path)",
  );
  const inotifyInit = call("inotify_init1", "int inotify_init1(int flags)");
  const inotifyAdd = call(
    "inotify_add_watch",
    "int inotify_add_watch(int fd, const uint8_t *path, uint32_t mask)",
  );
  const inotifyRemove = call("inotify_rm_watch", "int inotify_rm_watch(int fd, int wd)");
  const openByHandle = call(
    "open_by_handle_at",
    "int open_by_handle_at(int mount_fd, const uint8_t *handle, int flags)",
  );
  const statfs = call("statfs", "int statfs(const uint8_t *path, uint8_t *buffer)");
  const pipe = call("pipe2", "int pipe2(uint8_t *fds, int flags)");
  const dup3 = call("dup3", "int dup3(int old_fd, int new_fd, int flags)");
  // F_DUPFD_CLOEXEC
  const duplicateFd = call("fcntl", "int fcntl(int fd, int command, int least)");
  const close = call("close", "int close(int fd)");
  const readBytes = define("int64_t read(int fd, uint8_t *buffer, uint64_t size)");
  const socket = call("socket", "int socket(int domain, int type, int protocol)");
  const bindSocket = call("bind", "int bind(int fd, const uint8_t *address, uint32_t size)");
  const setOption = call(
    "setsockopt",
    "int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t size)",
  );
  const send = call("send", "int64_t send(int fd, const uint8_t *bytes, uint64_t size, int flags)");
  const listXattr = define("int64_t llistxattr(const uint8_t *path, uint8_t *list, uint64_t size)");
  const getXattr = define(
    "int64_t lgetxattr(const uint8_t *path, const uint8_t *name, uint8_t *value, uint64_t size)",
  );
  const scratch = Buffer.alloc(xattrSizes[1]);
  const xattr = (call: (size: number) => number): Buffer | null => {
    for (const size of xattrSizes) {
      const length = call(size);
      if (length >= 0) return Buffer.from(scratch.subarray(0, length));
      if (koffi.errno() !== koffi.os.errno.ERANGE) return null;
    }
    return null;
  };
  return {
    fanotifyInit: (a, b) => fanotifyInit(a, b),
    fanotifyMark: (fd, markFlags, mask, path) =>
      void fanotifyMark(fd, markFlags, mask, flags.AT_FDCWD, terminated(path)),
    inotifyInit: (initFlags) => inotifyInit(initFlags),
    inotifyAddWatch: (fd, path, mask) => inotifyAdd(fd, terminated(path), mask),
    inotifyRemoveWatch: (fd, watch) => void inotifyRemove(fd, watch),
    openByHandle: (mountFd, handle) => openByHandle(mountFd, handle, flags.O_PATH | flags.O_CLOEXEC),
    fileSystemId: (path) => {
      // `f_fsid` of struct statfs on 64-bit Linux.
      const buffer = Buffer.alloc(256);
      statfs(terminated(path), buffer);
      return buffer.subarray(56, 64);
    },
    pipe: (pipeFlags) => {
      const fds = Buffer.alloc(8);
      pipe(fds, pipeFlags);
      return [fds.readInt32LE(0), fds.readInt32LE(4)];
    },
    duplicate: (fd, onto, duplicateFlags) => void dup3(fd, onto, duplicateFlags),
    copyOf: (fd) => duplicateFd(fd, 1_030, 0),
    close: (fd) => void close(fd),
    read: (fd, buffer) => {
      const size = readBytes(fd, buffer, buffer.length);
      if (size >= 0) return size;
      const errno = koffi.errno();
      if (errno === koffi.os.errno.EAGAIN) return null;
      throw new SystemCallError("read", errno, codes.get(errno) ?? `errno ${errno}`);
    },
    netlinkSocket: (protocol, groups, queueBytes = usualQueueBytes) => {
      const family = 16;
      const fd = socket(family, 3 | flags.O_CLOEXEC | flags.O_NONBLOCK, protocol);
      try {
        const address = Buffer.alloc(12);
        address.writeUInt16LE(family, 0);
        address.writeUInt32LE(groups, 8);
        bindSocket(fd, address, address.length);
        const bytes = Buffer.alloc(4);
        bytes.writeUInt32LE(queueBytes, 0);
        // SO_RCVBUFFORCE, socket(7)
        setOption(fd, 1, 33, bytes, bytes.length);
        return fd;
      } catch (error) {
        close(fd);
        throw error;
      }
    },
    send: (fd, bytes) => void send(fd, bytes, bytes.length, 0),
    xattrNames: (path) => {
      const at = terminated(path);
      return xattr((size) => listXattr(at, scratch, size));
    },
    xattr: (path, name) => {
      const at = terminated(path);
      return xattr((size) => getXattr(at, name, scratch, size));
    },
  };
}

function terminated(path: BytePath): Buffer {
  return pathBuffer(`${path}\0`);
}
