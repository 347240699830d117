/**
 * A Debian of its own for each host: a base that is made once, with a writable layer over it, and systemd as its first
 * process, in namespaces and below a cgroup of its own. What stands here needs Linux, root, debootstrap and cgroup v2.
 */
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { packageMissing } from "../support/debian-process.ts";
import { waitUntil } from "../support/wait-until.ts";

/** What hosts have beside Debian's smallest: systemd, and what binaries and packages ask for. */
const packages =
  "systemd systemd-sysv dbus rpm python3-minimal libstdc++6 procps iproute2 passwd xz-utils sudo".split(" ");
const release = "bookworm";
const lead = "petrel-fleet-";

/** Why it cannot be done here; `null` when it can. */
export async function noDebian(): Promise<string | null> {
  if (process.platform !== "linux") return "systemd is Linux's";
  if (process.getuid?.() !== 0) return "hosts of their own need root";
  for (const [name, program] of [
    ["debootstrap", "/usr/sbin/debootstrap"],
    ["util-linux", "/usr/bin/unshare"],
    ["util-linux", "/usr/bin/nsenter"],
  ] as const) {
    const missing = await packageMissing(name, () => existsSync(program));
    if (missing !== null) return missing;
  }
  return /^nodev\tcgroup2$/m.test(readFileSync("/proc/filesystems", "utf8"))
    ? null
    : "this kernel has no cgroup v2";
}

/** The base below `folder`, made by debootstrap if it is not there yet. */
export function debianBase(folder: string): string {
  const base = join(folder, `debian-${release}`);
  if (existsSync(base)) return base;
  const made = `${base}.new`;
  rmSync(made, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  console.log(`making ${base}, which takes some minutes`);
  const words = ["--variant=minbase", `--include=${packages.join(",")}`, release, made];
  execFileSync("debootstrap", words, { stdio: ["ignore", "ignore", "inherit"] });
  rmSync(join(made, "var/cache/apt/archives"), { recursive: true, force: true });
  renameSync(made, base);
  return base;
}

/** Run in new namespaces: $1 root, $2 base, $3 layer, $4 name. What could reach the machine itself is read-only. */
const becomeHost = `set -e
mount --make-rprivate /
while [ ! -e "$3/go" ]; do sleep 0.01; done
mkdir -p "$3/upper" "$3/work" "$1"
mount -t overlay -o "lowerdir=$2,upperdir=$3/upper,workdir=$3/work" overlay "$1"
cd "$1"
hostname "$4"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755,nosuid tmpfs dev
for each in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 666 "dev/\${each%:*}" c 1 "\${each#*:}"; done
mknod -m 666 dev/tty c 5 0
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin && ln -s fd/1 dev/stdout && ln -s fd/2 dev/stderr
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs run
mkdir -p mnt
pivot_root . mnt
exec env -i container=petrel PATH=/usr/sbin:/usr/bin:/sbin:/bin sh -c 'umount -l /mnt && exec /lib/systemd/systemd --show-status=false'
`;

export interface Said {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface DebianOptions {
  readonly base: string;
  /** Of this run: where the host's own layer and its log are. */
  readonly folder: string;
  readonly name: string;
  /** Network namespace (ip-netns(8)). */
  readonly namespace: string;
  /** Lines for /etc/hosts. */
  readonly hosts: string;
}

/** The machine's cgroup v2, mounted where a process in a namespace of `ip netns` sees it; its root. */
export function cgroupsAt(folder: string): string {
  const root = join(folder, "cgroup");
  mkdirSync(root);
  execFileSync("mount", ["-t", "cgroup2", "cgroup2", root]);
  for (const name of readdirSync(root))
    if (name.startsWith(lead) && !existsSync(`/proc/${name.slice(lead.length).split("-")[0]}`))
      removeGroup(join(root, name));
  return root;
}

function removeGroup(group: string): void {
  for (const entry of readdirSync(group, { withFileTypes: true }))
    if (entry.isDirectory()) removeGroup(join(group, entry.name));
  rmdirSync(group);
}

export class DebianHost {
  readonly name: string;
  readonly #options: DebianOptions;
  readonly #group: string;
  readonly #outer: ChildProcess;
  readonly #pid: number;

  /** Resolves once systemd has booted it. `cgroups`: from `cgroupsAt`. */
  static async boot(cgroups: string, options: DebianOptions): Promise<DebianHost> {
    const { base, folder, name, namespace, hosts } = options;
    const group = join(cgroups, `${lead}${process.pid}-${name}`);
    const layer = join(folder, name);
    const etc = join(layer, "upper/etc");
    mkdirSync(join(group, "shell"), { recursive: true });
    mkdirSync(etc, { recursive: true });
    writeFileSync(join(etc, "hosts"), hosts);
    writeFileSync(join(etc, "hostname"), `${name}\n`);
    writeFileSync(join(etc, "machine-id"), `${randomBytes(16).toString("hex")}\n`);
    for (const controller of ["memory", "pids"]) give(cgroups, controller);
    const log = openSync(join(layer, "console"), "a");
    const words = ["--pid", "--fork", "--kill-child", "--mount", "--uts", "--ipc", "--cgroup"];
    const into = `echo $$ > '${group}/cgroup.procs'; exec unshare ${words.join(" ")} sh -c "$0" sh "$@"`;
    const host = [join(layer, "root"), base, layer, name];
    const outer = spawn("ip", ["netns", "exec", namespace, "sh", "-c", into, becomeHost, ...host], {
      stdio: ["ignore", log, log],
    });
    const pid = await waitUntil(`${name} to have a first process`, () => {
      if (outer.exitCode !== null) throw new Error(readFileSync(join(layer, "console"), "utf8"));
      return Number(readFileSync(`/proc/${outer.pid}/task/${outer.pid}/children`, "utf8"));
    });
    // Controllers are given only to what is below a group without processes of its own.
    writeFileSync(join(group, "shell/cgroup.procs"), String(outer.pid));
    writeFileSync(join(layer, "go"), "");
    const made = new DebianHost(options, group, outer, pid);
    await waitUntil(`${name} to be up`, async () => {
      const { stdout } = await made.ask("systemctl is-system-running --wait");
      return ["running", "degraded"].includes(stdout.trim());
    });
    return made;
  }

  private constructor(options: DebianOptions, group: string, outer: ChildProcess, pid: number) {
    this.name = options.name;
    this.#options = options;
    this.#group = group;
    this.#outer = outer;
    this.#pid = pid;
  }

  /** A path of this host, as it is seen from outside. */
  path(inside: string): string {
    return join(`/proc/${this.#pid}/root`, inside);
  }

  /** A line of sh on this host, as root; rejects with what it said when it ends with another code than 0. */
  async sh(line: string): Promise<string> {
    const { code, stdout, stderr } = await this.ask(line);
    if (code === 0) return stdout;
    throw new Error(`${this.name}: ${line}: code ${code}: ${stdout}${stderr}`);
  }

  ask(line: string): Promise<Said> {
    const enter = `echo $$ > '${this.#group}/shell/cgroup.procs'; exec nsenter --target ${this.#pid} --mount --uts --ipc --net --pid --cgroup --root env -i HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin sh -c "$0"`;
    const here = `cd /root; ${line}`;
    return new Promise((done) => {
      execFile("sh", ["-c", enter, here], { maxBuffer: 1 << 26 }, (error, stdout, stderr) =>
        done({
          code: error === null ? 0 : typeof error.code === "number" ? error.code : null,
          stdout,
          stderr,
        }),
      );
    });
  }

  /** Whether memory is counted and limited by unit here: where cgroup v1 has that controller, systemd has none. */
  get countsMemory(): boolean {
    return readFileSync(join(this.#group, "cgroup.controllers"), "utf8").split(/\s/).includes("memory");
  }

  /** The end of all of its processes, as when the power goes; a second time it does nothing. */
  async end(): Promise<void> {
    if (!existsSync(this.#group)) return;
    const gone = new Promise((done) => this.#outer.once("exit", done));
    this.#outer.kill("SIGKILL");
    if (this.#outer.exitCode === null && this.#outer.signalCode === null) await gone;
    await waitUntil(`nothing of ${this.name} to run`, () => {
      removeGroup(this.#group);
      return true;
    });
    rmSync(join(this.#options.folder, this.name), { recursive: true, force: true });
  }
}

/** To what is below; a kernel where cgroup v1 has it says no. */
function give(group: string, controller: string): void {
  try {
    writeFileSync(join(group, "cgroup.subtree_control"), `+${controller}`);
  } catch {
    // `countsMemory` says so.
  }
}
