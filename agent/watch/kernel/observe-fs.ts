/** Chooses for each mount how it is watched, chooses anew when mounts change, and says what it chose. */
import { readFileSync } from "node:fs";
import type { Timers } from "../../../shared/timers.ts";
import { isWithin, shownPath } from "../../../shared/watch/paths.ts";
import { partlyCovered } from "../coverage.ts";
import type { BackendName, Coverage, ObservedTree, Observer, ObserverListener } from "../observer.ts";
import { type Alias, AliasedTree, isSameWay, transferred } from "./aliases.ts";
import { Fanotify } from "./fanotify-fs.ts";
import { Inotify } from "./inotify-fs.ts";
import { type Libc, loadLibc, SystemCallError } from "./libc-fs.ts";
import { concernedMounts, type Mount, mountOf, parseMounts } from "./mounts.ts";
import { aliasesOf } from "./real-path-fs.ts";

export interface ObserveOptions {
  readonly tree: ObservedTree;
  /** What the operator allows; `auto`: the best there is. */
  readonly backend: "auto" | BackendName;
  readonly timers: Timers;
  readonly monotonic: () => number;
  /** Told when what covers a path changes. */
  readonly covered: (coverage: readonly Coverage[]) => void;
  readonly queue?: "unlimited" | "limited";
  /** ms between two looks at the table of mounts, and at where links lead. */
  readonly lookEveryMs?: number;
}

const usualLookEveryMs = 5_000;
/** Changes made by other hosts are never told. */
const network = new Set([
  "nfs",
  "nfs4",
  "cifs",
  "smb3",
  "ceph",
  "9p",
  "glusterfs",
  "lustre",
  "afs",
  "fuse.sshfs",
]);

interface Chosen {
  readonly mount: Mount;
  readonly backend: BackendName;
  readonly reason: string;
}

export class SystemObserver implements Observer {
  readonly #options: ObserveOptions;
  #libc: Libc | null = null;
  #listener: ObserverListener | null = null;
  #fanotify: Fanotify | null = null;
  #noFanotify = "";
  #inotify: Inotify | null = null;
  #noInotify = "";
  #chosen = new Map<number, Chosen>();
  #aliases: readonly Alias[] = [];
  #tree: AliasedTree;
  /** By configured paths. */
  #told: ObserverListener | null = null;
  #mountsText = "";
  #timer: (() => void) | null = null;

  constructor(options: ObserveOptions) {
    this.#options = options;
    this.#tree = new AliasedTree(options.tree, []);
  }

  async start(listener: ObserverListener): Promise<void> {
    this.#told = listener;
    try {
      this.#libc = loadLibc();
    } catch (error) {
      this.#noFanotify = `no system calls: ${error instanceof Error ? error.message : String(error)}`;
      this.#noInotify = this.#noFanotify;
    }
    await this.#choose();
    this.#lookLater();
  }

  /**
   * Has hints given at once for what the kernel has told up to now, where it says who; within the call. For what was
   * come upon before its own event was read.
   */
  drain(): void {
    this.#fanotify?.drain();
  }

  coverage(): readonly Coverage[] {
    const mounts = [...this.#chosen.values()].map(({ mount }) => mount);
    return [...this.#chosen.values()].flatMap(({ mount, backend, reason }) => {
      const on = this.#aliases.filter(({ real }) => mountOf(real, mounts)?.id === mount.id);
      const shown = this.#tree.shownOf(mount.point).map((root): Alias => ({ root, real: mount.point }));
      return (on.length > 0 ? on : shown).flatMap(({ root: path, real }) => {
        const state = backend === "sweep" ? "polled" : "live";
        const whole = { path, mount: mount.point, filesystem: mount.type, backend, state, reason } as const;
        const unwatched = backend === "inotify" ? (this.#inotify?.unwatchedWithin(real) ?? []) : [];
        return partlyCovered(
          whole,
          unwatched.map((folder) => transferred(folder, real, path)),
        );
      });
    });
  }

  async stop(): Promise<void> {
    this.#timer?.();
    await this.#disarm();
  }

  async #disarm(): Promise<void> {
    const [fanotify, inotify] = [this.#fanotify, this.#inotify];
    this.#fanotify = null;
    this.#inotify = null;
    this.#chosen = new Map();
    await Promise.all([fanotify?.stop(), inotify?.stop()]);
  }

  #lookLater(): void {
    const { timers, lookEveryMs = usualLookEveryMs } = this.#options;
    this.#timer = timers.after(lookEveryMs, () => {
      this.#choose().then(
        () => this.#lookLater(),
        (error: unknown) => {
          this.#listener?.blind("read-error", "/", String(error));
          this.#lookLater();
        },
      );
    });
  }

  async #choose(): Promise<void> {
    const text = readFileSync("/proc/self/mountinfo", "latin1");
    const isFirst = this.#mountsText === "";
    const moved = await this.#followLinks();
    if (text === this.#mountsText && moved.length === 0) return;
    this.#mountsText = text;
    const { covered } = this.#options;
    const tree = this.#tree;
    const mounts = concernedMounts(tree.roots, (folder) => tree.mayEnter(folder), parseMounts(text));
    const before = this.#chosen;
    this.#chosen = new Map();
    for (const mount of mounts) {
      const known = before.get(mount.id);
      this.#chosen.set(mount.id, known ?? (await this.#arm(mount)));
    }
    const came = mounts.filter(({ id }) => !before.has(id));
    const went = [...before.values()].filter(({ mount }) => !this.#chosen.has(mount.id));
    for (const { mount } of went) this.#fanotify?.drop(mount);
    if (came.length + went.length > 0) covered(this.coverage());
    if (isFirst) return;
    for (const { root, real } of moved) {
      this.#told?.blind("link-changed", root, `it is ${shownPath(real).path} now`);
    }
    if (moved.length > 0) {
      // Everything was armed anew for it: nothing was heard meanwhile, and what waited in the kernel has gone.
      const others = this.#options.tree.roots.filter((root) => !moved.some((each) => each.root === root));
      for (const root of others) {
        this.#told?.blind(
          "link-changed",
          root,
          "it was not watched for a moment, while a link was followed anew",
        );
      }
      return;
    }
    for (const { point, type } of [...came, ...went.map(({ mount }) => mount)]) {
      this.#listener?.blind("mount-changed", point, `a file system (${type}) was mounted or unmounted`);
    }
  }

  /** Roots that are elsewhere than before, if any: then nothing is armed any more. */
  async #followLinks(): Promise<readonly Alias[]> {
    const { tree } = this.#options;
    const aliases = aliasesOf(tree.roots, (root) => tree.isFollowed(root));
    if (isSameWay(aliases, this.#aliases)) return [];
    const before = this.#aliases;
    this.#aliases = aliases;
    this.#tree = new AliasedTree(tree, aliases);
    this.#listener = this.#told === null ? null : this.#tree.listener(this.#told);
    await this.#disarm();
    return aliases.filter(({ real }, at) => real !== before[at]?.real);
  }

  async #arm(mount: Mount): Promise<Chosen> {
    const { backend } = this.#options;
    if (network.has(mount.type)) {
      return { mount, backend: "sweep", reason: `${mount.type} does not tell of other hosts' changes` };
    }
    let reason = "";
    if (backend === "auto" || backend === "fanotify") {
      reason = this.#byFanotify(mount);
      if (reason === "") return { mount, backend: "fanotify", reason };
    }
    if (backend === "auto" || backend === "inotify") {
      const other = await this.#byInotify(mount);
      if (other === "") return { mount, backend: "inotify", reason };
      reason = [reason, other].filter((part) => part !== "").join("; ");
    }
    return { mount, backend: "sweep", reason: reason || "configured so" };
  }

  /** Empty, or why not. */
  #byFanotify(mount: Mount): string {
    const { timers, monotonic, queue = "unlimited" } = this.#options;
    const tree = this.#tree;
    if (this.#noFanotify !== "" || this.#libc === null || this.#listener === null) return this.#noFanotify;
    try {
      this.#fanotify ??= new Fanotify({
        libc: this.#libc,
        tree,
        listener: this.#listener,
        timers,
        monotonic,
        queue,
      });
    } catch (error) {
      if (!(error instanceof SystemCallError)) throw error;
      this.#noFanotify = error.message;
      return this.#noFanotify;
    }
    return this.#fanotify.add(mount) ?? "";
  }

  async #byInotify(mount: Mount): Promise<string> {
    const { timers } = this.#options;
    const tree = this.#tree;
    if (this.#noInotify !== "" || this.#libc === null || this.#listener === null) return this.#noInotify;
    try {
      this.#inotify ??= new Inotify({ libc: this.#libc, tree, listener: this.#listener, timers });
    } catch (error) {
      if (!(error instanceof SystemCallError)) throw error;
      this.#noInotify = error.message;
      return this.#noInotify;
    }
    const within = tree.roots.filter((root) => isWithin(root, mount.point));
    for (const path of within.length > 0 ? within : [mount.point]) await this.#inotify.add(path);
    return "";
  }
}
