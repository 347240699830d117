/** Judges the host under a data folder: room, file system, and who may read what. Pure. */
import { type Found, fault, note, ok, warning } from "./finding.ts";
import type { DiskFacts, FileFacts, MountFacts } from "./host-facts.ts";

const mib = 1024 ** 2;
const leastFreeBytes = 1024 ** 3;
const leastFreeShare = 0.05;
/** Less than this is gone in a moment. */
const hardlyAnyBytes = 64 * mib;
const leastFreeInodes = 1_000;

/** As people read sizes: `512 MiB`, `12.3 GiB`. */
export function sizeText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < mib) return `${Math.round(bytes / 1024)} KiB`;
  return bytes < 1024 * mib ? `${Math.floor(bytes / mib)} MiB` : `${(bytes / 1024 / mib).toFixed(1)} GiB`;
}

const octal = (mode: number) => mode.toString(8).padStart(4, "0");

/** `fix`: how to have more room. */
export function roomFound(disk: DiskFacts, fix: string): readonly Found[] {
  const { folder, freeBytes, totalBytes, freeInodes, totalInodes } = disk;
  if (freeBytes === null || totalBytes === null) {
    return [note("the file system does not say how much room there is", folder)];
  }
  const found: Found[] = [];
  const free = `${sizeText(freeBytes)} of ${sizeText(totalBytes)} are free`;
  if (freeBytes < hardlyAnyBytes) found.push(fault(`only ${free}`, folder, fix));
  else if (freeBytes < leastFreeBytes || freeBytes < totalBytes * leastFreeShare) {
    found.push(warning(`only ${free}`, folder, fix));
  }
  // Some file systems (btrfs) have as many as they want, and say 0.
  if (totalInodes !== null && totalInodes > 0 && freeInodes !== null && freeInodes < leastFreeInodes) {
    const say = freeInodes === 0 ? fault : warning;
    found.push(
      say(
        `${freeInodes} of ${totalInodes} inodes are free: no more files can be made, whatever room there is`,
        folder,
        `remove what fills it with small files: du --inodes -x -d 3 ${disk.mount?.point ?? folder} | sort -n`,
      ),
    );
  }
  return found.length > 0 ? found : [ok(free, folder)];
}

const network = /^(nfs4?|cifs|smb3|ceph|9p|glusterfs|lustre|afs|fuse\.sshfs)$/;
const inMemory = /^(tmpfs|ramfs|rootfs)$/;

/** `mayExec`: programs are run from the folder. */
export function fileSystemFound(
  folder: string,
  mount: MountFacts | null,
  { mayExec }: { readonly mayExec: boolean },
): readonly Found[] {
  if (mount === null) return [note("it is not known which file system it is on", folder)];
  const { point, type, options } = mount;
  const found: Found[] = [];
  const elsewhere = "keep it on a local disk: move the folder, and name its new place with `data` or --data";
  if (options.includes("ro")) {
    found.push(
      fault(
        "the file system is mounted read-only: nothing can be kept",
        point,
        `see \`dmesg\` for a failing disk, then: mount -o remount,rw ${point}`,
      ),
    );
  }
  if (network.test(type)) {
    found.push(
      fault(`it is on a network file system (${type}), where locks and syncs do not hold`, folder, elsewhere),
    );
  }
  if (inMemory.test(type)) {
    found.push(
      warning(
        `it is in memory (${type}): all that is kept is lost when the host restarts`,
        folder,
        elsewhere,
      ),
    );
  }
  if (mayExec && options.includes("noexec")) {
    const what =
      "programs cannot be run from it (noexec): scripts and sensors of packs, and their virtualenvs, fail";
    found.push(warning(what, point, `mount -o remount,exec ${point}, and the same in /etc/fstab`));
  }
  return found.length > 0 ? found : [ok(`${type} on ${point}`, folder)];
}

/** `owner`: the account that should have them. */
export function secretFilesFound(files: readonly FileFacts[], owner: number): readonly Found[] {
  return files.flatMap(({ path, mode, uid, isFolder }) => {
    const right = isFolder ? "0700" : "0600";
    const found: Found[] = [];
    if ((mode & 0o077) !== 0) {
      found.push(fault(`others may read or change it (mode ${octal(mode)})`, path, `chmod ${right} ${path}`));
    }
    if (uid !== owner && uid !== 0) {
      found.push(fault(`it belongs to uid ${uid}, not to ${owner}`, path, `chown ${owner} ${path}`));
    }
    return found;
  });
}

/** Of a file with settings: others may read it. `owner`: the account that runs by it. */
export function settingsFileFound(file: FileFacts, owner: number): readonly Found[] {
  const { path, mode, uid } = file;
  const found: Found[] = [];
  if ((mode & 0o022) !== 0) {
    found.push(fault(`others may change it (mode ${octal(mode)})`, path, `chmod go-w ${path}`));
  }
  if (uid !== owner && uid !== 0) {
    found.push(
      fault(
        `it belongs to uid ${uid}, neither root nor the account that runs by it`,
        path,
        `chown root ${path}`,
      ),
    );
  }
  return found;
}

const slowSyncMs = 1_000;

/** `ms`: how long it took to have the folder on disk; or why it could not be done. */
export function syncFound(folder: string, ms: number | Error): readonly Found[] {
  if (ms instanceof Error) {
    return [
      fault(
        `it cannot be synced to disk: ${ms.message}`,
        folder,
        "see `dmesg` for a failing disk; on a file system without fsync nothing is promised",
      ),
    ];
  }
  const took = `a sync of the folder took ${ms.toFixed(1)} ms`;
  if (ms < slowSyncMs) return [ok(took, folder)];
  const fix = "give it a disk of its own, or look at what else writes to this one: iostat -x 1";
  return [warning(`${took}: each batch waits for one`, folder, fix)];
}
