/**
 * What an upgrade does next, decided from what is on disk and from how the new version is. Whoever looks decides the
 * same: who upgrades, the new version itself when nobody else is left, and the guard (which is sh). Pure.
 */
import { isWayBackOpen, type Pending } from "./pending.ts";
import { compareVersions } from "./release.ts";

export interface OnDisk {
  readonly pending: Pending | null;
  /** Version that the link `current` leads to; `null`: there is none, or it leads nowhere. */
  readonly current: string | null;
  /** Versions whose file is there. */
  readonly present: readonly string[];
}

export type Stand =
  /** No upgrade is under way. */
  | { readonly kind: "settled" }
  /** Prepared and not switched: the old version is in force and the record means nothing. */
  | { readonly kind: "before" }
  /** It was not well, and is on its way back: perhaps not switched yet, perhaps not started anew. */
  | { readonly kind: "back"; readonly why: string }
  /** The new version is in force, and has to show that it is well. */
  | { readonly kind: "trial" }
  /** Nothing usable is in force; this version is. */
  | { readonly kind: "mend"; readonly version: string }
  /** Nothing usable is in force and no version is there. */
  | { readonly kind: "lost" };

/** Where it stands, whenever the power went. */
export function standOf({ pending, current, present }: OnDisk): Stand {
  if (current === null || !present.includes(current)) {
    const newest = [...present].sort((a, b) => compareVersions(b, a));
    const meant = pending === null ? [] : isWayBackOpen(pending) ? [pending.from] : [pending.to];
    const wanted = [...meant, ...newest];
    const version = wanted.find((each) => present.includes(each));
    return version === undefined ? { kind: "lost" } : { kind: "mend", version };
  }
  if (pending === null) return { kind: "settled" };
  const isEither = current === pending.to || current === pending.from;
  if (pending.back !== null && isEither && present.includes(pending.from))
    return { kind: "back", why: pending.back };
  if (current === pending.to && current !== pending.from) return { kind: "trial" };
  return current === pending.from ? { kind: "before" } : { kind: "settled" };
}

/** How a program is, as it says itself; `null` when nobody answers. */
export interface Health {
  readonly version: string;
  /** Tells one life from the next. */
  readonly life: string;
  readonly linked: boolean;
  /** Sensors that run. */
  readonly sensors: readonly string[];
  /** What it says is wrong with itself. */
  readonly failed: string | null;
}

export interface TrialLimits {
  /** ms that it may take to be as it was before. */
  readonly withinMs: number;
  /** ms that it has to stay so in one life: a program that ends again and again is well for a moment, too. */
  readonly steadyMs: number;
}

/** `null`: as it was before the upgrade; otherwise what is missing. */
export function lackOf(
  pending: Pick<Pending, "to" | "linked" | "sensors">,
  health: Health | null,
): string | null {
  if (health === null) return "it does not answer";
  if (health.version !== pending.to) return `version ${health.version} answers`;
  if (health.failed !== null) return health.failed;
  if (pending.linked && !health.linked) return "it has no link to the hub, and the version before had";
  const missing = pending.sensors.filter((sensor) => !health.sensors.includes(sensor));
  if (missing.length > 0) return `sensors do not run that ran before: ${missing.join(", ")}`;
  return null;
}

/** Why a version is good, and what nobody could see. */
export function goodReason({ linked }: Pick<Pending, "linked">, health: Health | null): string {
  if (linked) return "it is as it was before";
  if (health?.linked === true)
    return "it is well, and has its link to the hub, which the version before had not";
  return "it answers; whether it reaches the hub could not be judged: the version before had no link either";
}

export type Verdict =
  | { readonly kind: "wait" }
  | { readonly kind: "good" }
  | { readonly kind: "bad"; readonly why: string };

/** Judges one trial, look by look. */
export class Trial {
  readonly #pending: Pick<Pending, "to" | "linked" | "sensors">;
  readonly #limits: TrialLimits;
  readonly #begunAt: number;
  #wellSince: { readonly at: number; readonly life: string } | null = null;

  /** `at`: ms of a clock that only goes forward. */
  constructor(pending: Pick<Pending, "to" | "linked" | "sensors">, limits: TrialLimits, at: number) {
    this.#pending = pending;
    this.#limits = limits;
    this.#begunAt = at;
  }

  look(health: Health | null, at: number): Verdict {
    const lack = lackOf(this.#pending, health);
    if (lack === null && health !== null) {
      if (this.#wellSince?.life !== health.life) this.#wellSince = { at, life: health.life };
      if (at - this.#wellSince.at >= this.#limits.steadyMs) return { kind: "good" };
    } else {
      this.#wellSince = null;
    }
    if (at - this.#begunAt < this.#limits.withinMs) return { kind: "wait" };
    // Well at last, and only the time to show it is missing.
    if (this.#wellSince !== null && at - this.#begunAt < this.#limits.withinMs + this.#limits.steadyMs)
      return { kind: "wait" };
    return { kind: "bad", why: lack ?? "it does not stay up" };
  }
}
