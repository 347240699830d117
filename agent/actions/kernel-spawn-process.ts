/**
 * posix_spawn(3) through koffi. Where Node forks, and so copies what the agent has of page tables for each action, this
 * starts a child that borrows the agent's memory until it is the program (vfork(2)): it costs the same whatever the
 * agent's size.
 */
import { closeSync, constants, existsSync, openSync } from "node:fs";
import { Socket } from "node:net";
import { constants as system } from "node:os";
import { delimiter, isAbsolute, join } from "node:path";
import { loadKoffi } from "../../shared/runtime/addon-process.ts";
import type { ProcessStart, StartedProcess } from "./started-process.ts";

export interface KernelSpawn {
  /** Throws the system's error when the program cannot be started. */
  (start: ProcessStart): StartedProcess;
  /**
   * Takes up a child of the program that this one has taken the place of; see `StartedProcess.handOver`. When it throws,
   * none of `fds` is open any more, and the child's end is waited for all the same.
   */
  adopt(pid: number, fds: readonly (number | null)[]): StartedProcess;
}

type Call = (...values: readonly unknown[]) => number;

/** <spawn.h> of glibc, <sys/socket.h>, <fcntl.h>, <sys/wait.h>; the same on x64 and arm64. */
const flag = {
  setSignalDefaults: 0x04,
  setSignalMask: 0x08,
  setSession: 0x80,
  setCgroup: 0x100,
  unixSockets: 1,
  stream: 1,
  closeOnExec: 0o2000000,
  copyFromOn: 1030,
  copyForNext: 0,
  doNotWait: 1,
} as const;

/** Room for posix_spawnattr_t (336 bytes) and posix_spawn_file_actions_t (80). */
const structBytes = 1024;
/** bytes of sigset_t */
const signalSetBytes = 128;
/** Descriptors of ours are kept above those a child gets. */
const firstOwn = 10;

const signalNames = new Map(
  Object.entries(system.signals).map(([name, number]) => [number as number, name as NodeJS.Signals]),
);

/**
 * `null` where koffi, or a function of a newer glibc (2.29), is not to be had: then Node has to start processes, and `why`
 * is told.
 */
export function loadKernelSpawn(why: (error: unknown) => void = () => {}): KernelSpawn | null {
  try {
    return bind();
  } catch (error) {
    why(error);
    return null;
  }
}

function bind(): KernelSpawn {
  const koffi = loadKoffi();
  const libc = koffi.load(null);
  const call = (declaration: string): Call => libc.func(declaration) as unknown as Call;
  const spawnCall = call(
    "int posix_spawn(_Out_ int *pid, const char *path, void *actions, void *attributes, const char **argv, const char **envp)",
  );
  const initAttributes = call("int posix_spawnattr_init(void *attributes)");
  const setFlags = call("int posix_spawnattr_setflags(void *attributes, short flags)");
  const setDefaults = call("int posix_spawnattr_setsigdefault(void *attributes, void *signals)");
  const setMask = call("int posix_spawnattr_setsigmask(void *attributes, void *signals)");
  const initActions = call("int posix_spawn_file_actions_init(void *actions)");
  const destroyActions = call("int posix_spawn_file_actions_destroy(void *actions)");
  const addCopy = call("int posix_spawn_file_actions_adddup2(void *actions, int fd, int onto)");
  const addFolder = call("int posix_spawn_file_actions_addchdir_np(void *actions, const char *path)");
  const closeFrom = orNull(() =>
    call("int posix_spawn_file_actions_addclosefrom_np(void *actions, int from)"),
  );
  // glibc 2.39, by clone3(2) with CLONE_INTO_CGROUP: moving a process later takes the kernel ten times as long as its start.
  const setCgroup = orNull(() => call("int posix_spawnattr_setcgroup_np(void *attributes, int cgroup)"));
  const socketPair = call("int socketpair(int domain, int type, int protocol, void *fds)");
  const control = call("int fcntl(int fd, int command, int value)");
  const wait = call("int waitpid(int pid, _Out_ int *status, int options)");

  const { ENOENT = 2, EACCES = 13 } = koffi.os.errno;
  const codes = new Map(Object.entries(koffi.os.errno).map(([code, number]) => [number, code]));
  const failed = (errno: number, what: string, path: string): NodeJS.ErrnoException => {
    const code = codes.get(errno) ?? `errno ${errno}`;
    return Object.assign(new Error(`${what} '${path}': ${code}`), {
      code,
      errno: -errno,
      syscall: what,
      path,
    });
  };

  // The same for all children: a session of its own, every signal as the kernel has it, none blocked.
  const attributes = Buffer.alloc(structBytes);
  initAttributes(attributes);
  const usualFlags = flag.setSession | flag.setSignalDefaults | flag.setSignalMask;
  setFlags(attributes, usualFlags);
  setDefaults(attributes, Buffer.alloc(signalSetBytes, 0xff));
  setMask(attributes, Buffer.alloc(signalSetBytes));

  const reaper = new Reaper((pid) => {
    const status: [number | null] = [null];
    const found = wait(pid, status, flag.doNotWait);
    if (found === 0) return null;
    return found === pid ? (status[0] ?? 0) : lostStatus;
  });

  /** Both are closed at exec. */
  const pair = (): readonly [own: number, child: number] => {
    const fds = Buffer.alloc(8);
    if (socketPair(flag.unixSockets, flag.stream | flag.closeOnExec, 0, fds) !== 0)
      throw failed(koffi.errno(), "socketpair", "");
    return [fds.readInt32LE(0), fds.readInt32LE(4)];
  };
  /** The same descriptor under a number that no child's has, and closed in children. */
  const moved = (fd: number): number => {
    const copy = control(fd, flag.copyFromOn, firstOwn);
    if (copy < 0) throw failed(koffi.errno(), "fcntl", "");
    closeSync(fd);
    return copy;
  };
  const above = (fd: number): number => {
    if (fd >= firstOwn) return fd;
    try {
      return moved(fd);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  };

  /** With our ends of its sockets. When it throws, none of them is open any more, and its end is waited for all the same. */
  const followed = (pid: number, own: readonly (number | null)[]): StartedProcess => {
    const sockets: (Socket | null)[] = [];
    try {
      for (const fd of own) sockets.push(fd === null ? null : socketOf(fd));
    } catch (error) {
      // A number that a socket has is the socket's to close: libuv aborts the process over one that is closed beneath it.
      for (const socket of sockets) socket?.destroy();
      closeAll(own.slice(sockets.length));
      reaper.follow(pid);
      throw error;
    }
    const { ended, hasEnded, forget } = reaper.follow(pid);
    const handOver = () => {
      forget();
      const kept = own.map((fd, at) => {
        // The number of one that is closed may be another's by now.
        if (fd === null || sockets[at]?.destroyed !== false) return null;
        const copy = control(fd, flag.copyForNext, firstOwn);
        return copy < 0 ? null : copy;
      });
      for (const socket of sockets) socket?.destroy();
      return kept;
    };
    return { pid, stdio: sockets, ended, hasEnded, handOver };
  };

  const start = ({ command, args, cwd, env, stdio, scopeFd }: ProcessStart): StartedProcess => {
    const actions = Buffer.alloc(structBytes);
    initActions(actions);
    const own: (number | null)[] = [];
    const given: number[] = [];
    try {
      for (const each of stdio) {
        if (each === "ignore") {
          own.push(null);
          given.push(above(openSync("/dev/null", constants.O_RDWR)));
          continue;
        }
        const [ours, theirs] = pair();
        own.push(ours);
        given.push(above(theirs));
      }
      addFolder(actions, cwd);
      for (const [place, fd] of given.entries()) addCopy(actions, fd, place);
      // Ours are closed at exec by themselves; what the agent has inherited is not.
      closeFrom?.(actions, given.length);
      const pid: [number | null] = [null];
      const argv = [command, ...args, null];
      const envp = [...Object.entries(env).map(([name, value]) => `${name}=${value}`), null];
      const spawn = (): number => {
        let errno = ENOENT;
        for (const path of placesOf(command, env.PATH ?? "")) {
          errno = spawnCall(pid, path, actions, attributes, argv, envp);
          // What may not be run here may be in the next place.
          if (errno !== EACCES && errno !== ENOENT) break;
        }
        return errno;
      };
      let inScope = scopeFd !== undefined && setCgroup !== null;
      if (inScope) {
        setCgroup?.(attributes, scopeFd);
        setFlags(attributes, usualFlags | flag.setCgroup);
        inScope = spawn() === 0;
        setFlags(attributes, usualFlags);
      }
      const errno = inScope ? 0 : spawn();
      if (errno !== 0 || pid[0] === null) throw failed(errno, "spawn", command);
      return { ...followed(pid[0], own.splice(0)), inScope };
    } finally {
      destroyActions(actions);
      for (const fd of given) closeSync(fd);
      for (const fd of own) if (fd !== null) closeSync(fd);
    }
  };
  const adopt = (pid: number, fds: readonly (number | null)[]): StartedProcess => {
    const own: (number | null)[] = [];
    try {
      for (const fd of fds) own.push(fd === null ? null : moved(fd));
    } catch (error) {
      closeAll([...own, ...fds.slice(own.length)]);
      reaper.follow(pid);
      throw error;
    }
    return followed(pid, own);
  };
  return Object.assign(start, { adopt });
}

/** One that is not open keeps none of the others open. */
export function closeAll(fds: readonly (number | null)[]): void {
  for (const fd of fds) {
    try {
      if (fd !== null) closeSync(fd);
    } catch {
      // It is closed, as it is to be.
    }
  }
}

/**
 * It reads from the start, and a child that ends with something unread resets it: to whoever does not listen yet, or never
 * does, that is no error to end the agent with. The child's end says all there is to say.
 */
function socketOf(fd: number): Socket {
  return new Socket({ fd, readable: true, writable: true }).on("error", () => {});
}

/** A function that only newer versions of glibc have (2.34). */
function orNull(bindIt: () => Call): Call | null {
  try {
    return bindIt();
  } catch {
    return null;
  }
}

/** ms between two looks that no signal has asked for. */
const lookAgainMs = 1_000;

/** A child that somebody else has reaped: how it ended is not known. */
const lostStatus = 0xff00;

/** Notices the end of children. libuv asks for its own children by number, and so do we: neither takes the other's. */
class Reaper {
  /** The wait status; `null` while it runs. */
  readonly #ask: (pid: number) => number | null;
  readonly #waiting = new Map<number, (status: number) => void>();
  readonly #look = () => this.#lookAtAll();
  #timer: NodeJS.Timeout | undefined;

  constructor(ask: (pid: number) => number | null) {
    this.#ask = ask;
  }

  follow(pid: number): Pick<StartedProcess, "ended" | "hasEnded"> & { readonly forget: () => void } {
    let hasEnded = false;
    const { promise, resolve } = Promise.withResolvers<number>();
    if (this.#waiting.size === 0) {
      process.on("SIGCHLD", this.#look);
      // As with Node's children the process does not end by itself while one runs.
      this.#timer = setInterval(this.#look, lookAgainMs);
    }
    this.#waiting.set(pid, (status) => {
      hasEnded = true;
      resolve(status);
    });
    // It may have ended before anybody listened; not at once, since until then its number can be looked at.
    setImmediate(this.#look);
    const forget = () => {
      this.#waiting.delete(pid);
      this.#rest();
    };
    return { ended: promise.then(endOf), hasEnded: () => hasEnded, forget };
  }

  #lookAtAll(): void {
    for (const [pid, tell] of this.#waiting) {
      const status = this.#ask(pid);
      if (status === null) continue;
      this.#waiting.delete(pid);
      tell(status);
    }
    this.#rest();
  }

  /** While there is nobody to wait for. */
  #rest(): void {
    if (this.#waiting.size > 0) return;
    process.removeListener("SIGCHLD", this.#look);
    clearInterval(this.#timer);
  }
}

/** wait(2): the low seven bits are a signal, or 0 and the next eight the exit code. */
function endOf(status: number): readonly [code: number | null, signal: NodeJS.Signals | null] {
  const signal = status & 0x7f;
  return signal === 0 ? [(status >> 8) & 0xff, null] : [null, signalNames.get(signal) ?? "SIGKILL"];
}

/** Where execvp(3) would look with this search path, but that it looks in no relative folder. */
function placesOf(command: string, path: string): readonly string[] {
  if (command.includes("/")) return [command];
  return path
    .split(delimiter)
    .filter(isAbsolute)
    .map((folder) => join(folder, command))
    .filter((place) => existsSync(place));
}
