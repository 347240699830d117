/** How many of which actions may run at once on this agent (`actions.limits`). */
import { compileWildcard } from "../../shared/rules/wildcard.ts";

/** One line of the setting, with what it counts at present. */
export interface Limit {
  /** An action's ref, or a pattern: `backup.*` counts all actions of pack `backup` together. */
  readonly pattern: string;
  readonly most: number;
  running: number;
}

/** The limits that count one action, and a name for them that is the same for all actions with just these. */
export interface LimitSet {
  readonly key: string;
  readonly limits: readonly Limit[];
}

export class ActionLimits {
  readonly #limits: readonly { readonly limit: Limit; readonly fits: (action: string) => boolean }[];

  constructor(limits: Readonly<Record<string, number>>) {
    this.#limits = Object.entries(limits).map(([pattern, most]) => ({
      limit: { pattern, most, running: 0 },
      fits: pattern.includes("*") ? compileWildcard(pattern) : (action) => action === pattern,
    }));
  }

  of(action: string): LimitSet {
    const places = [...this.#limits.entries()].filter(([, { fits }]) => fits(action));
    return { key: places.map(([at]) => at).join(), limits: places.map(([, { limit }]) => limit) };
  }
}

/** Whether one more may run. */
export function hasRoom({ limits }: LimitSet): boolean {
  return limits.every(({ running, most }) => running < most);
}
