/** Windows of throttled rules, and the digests that end them. */
import type { Execution } from "../../../shared/model/execution.ts";
import type { Enforcement } from "../../../shared/model/rule.ts";
import type { Dispatch } from "./ledgers.ts";
import type { Written } from "./written.ts";

/** Asks whether an enforcement of a throttled rule may act at once. */
export interface ThrottleAsk {
  /** Its id; it names the executions that are not made when it is held back. */
  readonly enforcement: string;
  readonly rule: string;
  readonly key: string;
  /** What acts elsewhere, or does not act at all, is never held back together: it is in another lane. */
  readonly lane: string;
  /** Hub time in ms. */
  readonly atMs: number;
  readonly everyMs: number;
  readonly max: number;
  readonly collect: number;
}

/** A window of a throttled rule, for one lane and key. Its id is that of the enforcement that will be its digest. */
export interface ThrottleWindow {
  readonly id: string;
  readonly rule: string;
  /** `""` of a shared one. */
  readonly key: string;
  readonly lane: string;
  /** For all keys beyond those that a rule may have windows of their own for. */
  readonly shared: boolean;
  /** Milliseconds since the epoch; `until` of a closed one is when it was closed. */
  readonly since: number;
  readonly until: number;
  /** By the rule that came to it last. */
  readonly everyMs: number;
  readonly max: number;
  readonly collect: number;
  readonly passed: number;
  readonly held: number;
  /** Instances that were held back: the first `collect`, and the newest. */
  readonly first: readonly string[];
  readonly newest: string | null;
  /** It takes no more, and waits for its digest. */
  readonly isClosed: boolean;
}

/** What tells of all that a window has held back. */
export interface DigestOutcome {
  readonly enforcement: Enforcement;
  readonly executions: readonly Execution[];
  readonly dispatches: readonly Dispatch[];
}

/**
 * Enforcements of an outcome that asks a throttle pass in their window, or are stored as `throttled` without what they
 * would run. A window puts a job of kind `throttle-digest` on the clock; families of what it holds back stay until
 * its digest is there.
 */
export interface ThrottleStore {
  /**
   * Ends a window whose time is over: the window, closed, when it has a digest to make (also when it was closed before),
   * with the next one open in its place; `null` when there is none.
   */
  closeThrottle(window: string, now: number): Promise<ThrottleWindow | null>;
  /** The digest of a closed window, which is gone then, in one batch; false when there is no such window (any more). */
  deliverDigest(window: string, digest: DigestOutcome): Promise<Written>;
}
