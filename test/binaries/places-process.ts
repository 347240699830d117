/**
 * Where else the binaries are run: a folder with scripts of their names, each of which goes to that place and becomes the
 * binary, with the same process id. Tests take them for the binaries (PETREL_BINARIES) and notice nothing. What a script
 * mounts is in a mount namespace of its own, and gone when the process is.
 */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

export interface Place {
  readonly name: string;
  /** Folder of the scripts; when the tests cannot be run there, why. */
  readonly folder: string | null;
  readonly reason: string | null;
}

const commands = ["petrel", "petrel-agent"] as const;
/** What hub, agent and the sample packs use of a host; each with what it is linked with. */
const programs = [
  "sh bash env true false cat echo ls cp mv rm mkdir chmod ln touch date sleep head tail wc sort tee stat id hostname",
  "uname whoami seq grep sed python3 kill ps",
]
  .join(" ")
  .split(" ");
/** Files of a host that programs ask for users and names. */
const settings = ["passwd", "group", "hosts", "nsswitch.conf", "localtime"];

/**
 * A root file system with libc, libstdc++, a shell, coreutils and Python, and neither Node nor node_modules. `shown`:
 * folders of this machine that are there, too. With `system`, its root is the one that is there: a Debian, say.
 */
export function bareRoot(
  binaries: string,
  folder: string,
  shown: readonly string[],
  system: string | undefined,
): Place {
  const name = system === undefined ? "a root file system without Node" : `the root file system ${system}`;
  if (process.getuid?.() !== 0) return { name, folder: null, reason: "a root file system needs root" };
  const root = system ?? join(folder, "root");
  if (system === undefined) makeRoot(root, join(binaries, "petrel-agent"));
  const nodes = ["usr/bin/node", "usr/local/bin/node"].filter((path) => existsSync(join(root, path)));
  if (nodes.length > 0) return { name, folder: null, reason: `it has Node: ${nodes.join(", ")}` };
  const visible = [tmpdir(), binaries, ...shown];
  for (const path of [...visible, "/dev", "/proc"]) mkdirSync(join(root, path), { recursive: true });
  const mounts = visible.map((path) => `/bin/mount --rbind '${path}' '${root}${path}'`);
  return {
    name,
    reason: null,
    folder: scripts(folder, (command) => [
      ...mounts,
      `/bin/mount --rbind /dev '${root}/dev'`,
      `/bin/mount --rbind /proc '${root}/proc'`,
      `exec /usr/sbin/chroot '${root}' /bin/sh -c 'cd "$0" 2> /dev/null; exec "$@"' "$PWD" '${join(binaries, command)}' "$@"`,
    ]),
  };
}

const interpreter = "/usr/bin/qemu-aarch64-static";
const libraries = "/usr/aarch64-linux-gnu";
/** An ELF file for arm64: its first bytes, and which of them count. */
const magic =
  "\\x7fELF\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\xb7\\x00:\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff\\xff\\xff";

/**
 * The binaries for arm64 on a machine of another kind: a user namespace in which the kernel runs them by qemu. It has
 * its own list of interpreters from Linux 6.7 on; this machine's stays as it is.
 */
export function emulated(binaries: string, folder: string): Place {
  const name = "arm64 under qemu";
  const missing = [interpreter, join(libraries, "lib/libstdc++.so.6")].filter((path) => !existsSync(path));
  const no = (reason: string): Place => ({ name, folder: null, reason });
  if (process.getuid?.() !== 0) return no("mounts need root");
  if (missing.length > 0)
    return no(
      `there is no ${missing.join(", ")}: apt-get install qemu-user-static libc6-arm64-cross libstdc++6-arm64-cross`,
    );
  const made = scripts(
    folder,
    (command) => [
      "/bin/mount -t binfmt_misc none /proc/sys/fs/binfmt_misc",
      `printf '%s' ':petrel-arm64:M::${magic}:${interpreter}:OF' > /proc/sys/fs/binfmt_misc/register`,
      // Where qemu looks for the libraries of a program; a variable would not reach what the agent starts.
      "/bin/mount -t tmpfs none /mnt && /bin/mkdir /mnt/upper /mnt/work",
      "/bin/mount -t overlay -o lowerdir=/etc,upperdir=/mnt/upper,workdir=/mnt/work none /etc",
      `/bin/mkdir -p /etc/qemu-binfmt && /bin/ln -sfn ${libraries} /etc/qemu-binfmt/aarch64`,
      `exec '${join(binaries, command)}' "$@"`,
    ],
    "-U -r",
  );
  try {
    execFileSync(join(made, "petrel-agent"), ["--version"], { stdio: "pipe", encoding: "utf8" });
  } catch (error) {
    return no(`this kernel does not let a namespace have interpreters: ${String(error).split("\n")[1]}`);
  }
  return { name, folder: made, reason: null };
}

function scripts(folder: string, lines: (command: string) => readonly string[], flags = ""): string {
  const made = join(folder, "commands");
  rmSync(made, { recursive: true, force: true });
  mkdirSync(made, { recursive: true });
  for (const command of commands) {
    const inside = join(made, `${command}.inside`);
    writeFileSync(inside, `${["set -e", ...lines(command)].join("\n")}\n`);
    const file = join(made, command);
    writeFileSync(file, `#!/bin/sh\nexec /usr/bin/unshare ${flags} -m /bin/sh '${inside}' "$@"\n`);
    chmodSync(file, 0o755);
  }
  return made;
}

/** Made anew, of what this machine's own packages brought; `program` is what it has to have libraries for. */
function makeRoot(root: string, program: string): void {
  rmSync(root, { recursive: true, force: true });
  for (const path of ["usr/bin", "usr/lib", "usr/lib64", "usr/sbin", "etc", "root", "run", "var", "tmp"])
    mkdirSync(join(root, path), { recursive: true });
  for (const name of ["bin", "lib", "lib64", "sbin"])
    execFileSync("ln", ["-s", `usr/${name}`, join(root, name)]);
  const says = (command: string, ...args: readonly string[]) =>
    execFileSync(command, args, { encoding: "utf8", env: { PATH: "/usr/bin:/bin" } }).trim();
  const files = programs.map((name) => says("which", name));
  const python = says("python3", "-I", "-c", "import sysconfig; print(sysconfig.get_path('stdlib'))");
  cpSync(python, join(root, python), { recursive: true, dereference: true, filter: isNeeded });
  const modules = readdirSync(join(python, "lib-dynload")).map((name) => join(python, "lib-dynload", name));
  for (const file of files) place(root, file);
  for (const library of linkedWith([program, ...files, ...modules])) place(root, library);
  for (const name of settings)
    if (existsSync(join("/etc", name))) cpSync(realpathSync(join("/etc", name)), join(root, "etc", name));
}

/** Without what Python's own tests and caches are: it is not what is tested. */
const isNeeded = (path: string) =>
  !/\/(__pycache__|test|idlelib|(dist|site)-packages|config-3[^/]*)$/.test(path);

/** The file as it is under its name, whatever links lead to it. */
function place(root: string, file: string): void {
  const path = join(root, file.replace(/^\/(bin|lib|lib64|sbin)\//, "/usr/$1/"));
  mkdirSync(dirname(path), { recursive: true });
  cpSync(realpathSync(file), path, { dereference: true });
}

function linkedWith(files: readonly string[]): readonly string[] {
  const found = files.flatMap((file) => {
    try {
      const text = execFileSync("ldd", [file], { encoding: "utf8", stdio: "pipe" });
      return [...text.matchAll(/(?:=> )?(\/\S+\.so\S*) \(0x/g)].map(([, path = ""]) => path);
    } catch {
      return []; // A script, or linked with nothing.
    }
  });
  return [...new Set(found)];
}
