/** Says who touched a path by the word of Linux audit, and by another witness for all that audit does not say. */
import type { Timers } from "../../../shared/timers.ts";
import type { BytePath } from "../../../shared/watch/paths.ts";
import type { Actor, Touch, Witness } from "../actor.ts";
import type { AccountNames } from "../change.ts";
import type { Libc } from "../kernel/libc-fs.ts";
import { AccessLog } from "./access-log.ts";
import { AuditFeed } from "./audit-feed-fs.ts";
import { shownCommandLine } from "./command-line.ts";

export interface AuditedWitnessOptions {
  readonly other: Witness;
  readonly roots: readonly BytePath[];
  /** Throws where there are no system calls. */
  readonly loadLibc: () => Libc;
  readonly timers: Timers;
  /** ms; the clock by which a `Touch` says when it was heard. */
  readonly monotonic: () => number;
  readonly names: AccountNames;
  readonly log: { info(message: string): void; warn(message: string): void };
}

export class AuditedWitness implements Witness {
  readonly #options: AuditedWitnessOptions;
  readonly #accesses = new AccessLog();
  #feed: AuditFeed | null = null;
  /** Why audit is not to be had, or not any more. */
  #reason: string | null = "it has not been asked yet";

  constructor(options: AuditedWitnessOptions) {
    this.#options = options;
  }

  /** Never rejects: where audit is not to be had the log says why, and the other witness is asked alone. */
  async start(): Promise<void> {
    const { loadLibc, timers, roots, monotonic, log } = this.#options;
    try {
      const feed = new AuditFeed({
        libc: loadLibc(),
        timers,
        roots,
        take: (access) => this.#accesses.add(access, monotonic()),
        warn: (message) => log.warn(message),
        lost: (reason) => {
          this.#reason = reason;
        },
      });
      await feed.start();
      this.#feed = feed;
      this.#reason = null;
      log.info("audit tells who changes files (who: audit)");
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#reason = reason;
      log.warn(`audit is not to be had (${reason}): who changes files is told without it`);
    }
  }

  /** Resolves once audit is as it was before. */
  async stop(): Promise<void> {
    await this.#feed?.stop();
    this.#feed = null;
  }

  missing(): readonly string[] {
    const { other, roots } = this.#options;
    const absent = this.#feed?.absent ?? [];
    return [
      ...(this.#reason === null
        ? []
        : [
            `audit was asked for and is not to be had: ${this.#reason}; changes are put down to processes without it`,
          ]),
      ...(absent.length === 0
        ? []
        : [
            `audit does not watch ${absent.length} of ${roots.length} paths, which did not exist when it began`,
          ]),
      ...other.missing(),
    ];
  }

  noticed(pid: number): void {
    this.#options.other.noticed(pid);
  }

  actor(touch: Touch): Actor {
    const { other, names } = this.#options;
    this.#feed?.drain();
    const access = this.#accesses.find(touch.pid, touch.path, touch.heardAt);
    if (access === null) {
      const known = other.actor(touch);
      return this.#reason === null ? known : { ...known, audit_missing: this.#reason };
    }
    const { pid, exe, args, uid, loginUid } = access;
    const { unknown: _, cmdline, ...known } = other.actor({ ...touch, pid });
    const user = names.user(uid);
    const login = loginUid === null ? null : (names.user(loginUid) ?? String(loginUid));
    // Audit keeps the beginning of a command line only.
    const whole = known.exe === exe ? cmdline : undefined;
    const line = whole ?? (args === null ? null : shownCommandLine(args));
    return {
      ...known,
      pid,
      ...(exe !== null && { exe }),
      ...(line !== null && { cmdline: line }),
      uid,
      ...(user !== null && { user }),
      ...(login !== null && { login_user: login }),
    };
  }
}
