/** Answers what the watching sensor is asked, from the parts that know. */
import { type Clock, timestamp } from "../../shared/clock.ts";
import { PetrelError } from "../../shared/errors.ts";
import type { JsonObject } from "../../shared/json.ts";
import { checksWith, errorsText } from "../../shared/validation.ts";
import { type BytePath, bytePath, isWithin, normalPath, shownPath } from "../../shared/watch/paths.ts";
import type {
  FoundPath,
  PathLook,
  VerifyState,
  WatchCoverage,
  WhoCoverage,
} from "../../shared/watch/questions.ts";
import type { BaselineStore } from "./baseline-store.ts";
import type { AccountNames } from "./change.ts";
import { coveredPath, fitting, unreadablePaths } from "./coverage.ts";
import type { StatOutcome } from "./look-fs.ts";
import type { Coverage } from "./observer.ts";
import type { BaselineRecord } from "./record.ts";
import type { Selection } from "./selection.ts";
import type { Sweeps } from "./sweeps.ts";
import type { UnreadablePaths } from "./unreadable.ts";
import { type VerifyRequest, VerifyRuns } from "./verify-runs.ts";

export interface AnswersOptions {
  readonly selection: Pick<Selection, "entryOf" | "roots">;
  readonly baseline: Pick<BaselineStore, "get" | "isVoid">;
  readonly sweeps: Pick<Sweeps, "now" | "report">;
  readonly unreadable: Pick<UnreadablePaths, "entries">;
  readonly coverage: () => readonly Coverage[];
  readonly who: () => WhoCoverage;
  readonly lookStat: (path: BytePath) => StatOutcome;
  readonly names: AccountNames;
  readonly clock: Clock;
}

const run = { type: "string", minLength: 1, maxLength: 64 } as const;
const path = { type: "string", minLength: 1, maxLength: 4_096 } as const;

const check = checksWith({ allErrors: true, allowUnionTypes: true });
const checks = {
  verify: check<VerifyRequest>({
    type: "object",
    required: ["run", "full", "path"],
    properties: { run, full: { type: "boolean" }, path: { ...path, type: ["string", "null"] } },
  }),
  "verify-state": check<{ run: string }>({
    type: "object",
    required: ["run"],
    properties: { run },
  }),
  look: check<{ path: string }>({
    type: "object",
    required: ["path"],
    properties: { path: { ...path, pattern: "^/" } },
  }),
};
type Checks = typeof checks;

const mostPaths = 1_000;
const mostUnreadable = 50;
/** Of an answer's 192 KiB; the rest is for what else is in it. */
const pathBytes = 128 * 1024;

export class Answers {
  readonly #options: AnswersOptions;
  readonly #runs: VerifyRuns;

  constructor(options: AnswersOptions) {
    const { sweeps, clock } = options;
    this.#options = options;
    this.#runs = new VerifyRuns({
      sweep: (full, scope) => sweeps.now(full, scope),
      expected: () => sweeps.report().paths,
      clock,
    });
  }

  /** `undefined` to what is not known. SENSOR_ASK_FAILED for arguments that are none; see `VerifyRuns`. */
  ask(question: string, args: JsonObject): VerifyState | PathLook | WatchCoverage | undefined {
    switch (question) {
      case "verify":
        return this.#runs.begin(checked("verify", args));
      case "verify-state":
        return this.#runs.state(checked("verify-state", args).run);
      case "look":
        return this.#look(normalPath(bytePath(checked("look", args).path)));
      case "coverage":
        return this.#coverage();
      default:
        return undefined;
    }
  }

  /** After what sweeps has been stopped. */
  async stop(): Promise<void> {
    await this.#runs.stop();
  }

  #look(at: BytePath): PathLook {
    const { selection, baseline, unreadable, names } = this.#options;
    const shown = shownPath(at).path;
    const entry = selection.entryOf(at);
    if (entry === null) return { path: shown, watched: false, error: null, found: null };
    const error = [...unreadable.entries()].find(([noted]) => isWithin(at, noted))?.[1] ?? null;
    const record = baseline.get(at);
    // Until it has been looked at anew.
    if (record === null && error === null && baseline.isVoid(at)) {
      return { path: shown, watched: true, error: "its record cannot be believed", found: null };
    }
    const found = record === null ? null : foundPath(record, entry.digest === "none", names);
    return { path: shown, watched: true, error, found };
  }

  #coverage(): WatchCoverage {
    const { coverage, lookStat, sweeps, unreadable, selection, who } = this.#options;
    const isAsked = (at: BytePath) => selection.roots.includes(at);
    const { everySeconds, fullEverySeconds, last } = sweeps.report();
    const all = coverage()
      .flatMap((one) => {
        const outcome = lookStat(one.path);
        const exists = "error" in outcome || outcome.found !== null;
        return exists || isAsked(one.path)
          ? coveredPath(one, {
              exists,
              sweepEverySeconds: everySeconds,
              isFollowed: selection.entryOf(one.path)?.symlinks === "follow",
            })
          : [];
      })
      .sort((a, b) => (a.path < b.path ? -1 : 1));
    const paths = fitting(all, mostPaths, pathBytes);
    return {
      paths,
      left_out: all.length - paths.length,
      ...unreadablePaths(unreadable.entries(), mostUnreadable),
      sweep: { every: everySeconds, full_every: fullEverySeconds, last },
      who: who(),
    };
  }
}

function checked<Q extends keyof Checks>(question: Q, args: JsonObject): Checked<Q> {
  const check = checks[question];
  if (check(args)) return args as unknown as Checked<Q>;
  throw new PetrelError("SENSOR_ASK_FAILED", errorsText(check.errors, question));
}
type Checked<Q extends keyof Checks> = Checks[Q] extends (data: unknown) => data is infer T ? T : never;

function foundPath({ stat, extras }: BaselineRecord, isOff: boolean, names: AccountNames): FoundPath {
  const { kind, mode, uid, gid, size, mtimeNs } = stat;
  const { digest, digestMissing, target } = extras;
  const missing = digestMissing ?? (isOff ? "off" : null);
  return {
    kind,
    digest,
    digest_missing: kind === "file" && digest === null ? missing : null,
    size: Number(size),
    mode: mode.toString(8).padStart(4, "0"),
    owner: names.user(uid) ?? String(uid),
    group: names.group(gid) ?? String(gid),
    mtime: timestamp(Number(mtimeNs / 1_000_000n)),
    target: target === undefined ? null : shownPath(target).path,
  };
}
