/** Questions to the engine for patterns that no linear-time engine takes, and its answers. */

/** A JavaScript pattern to run apart from the caller, since it may take for ever. */
export interface RegexRequest {
  readonly source: string;
  readonly flags: string;
  readonly text: string;
  /** Where to begin, in UTF-16 units; without `all`, only the first match is asked for. */
  readonly all: boolean;
}

/** Start, end, and the start and end of each group (`-1` when it took no part), in UTF-16 units. */
export interface RegexMatch {
  readonly start: number;
  readonly end: number;
  readonly groups: readonly (readonly [number, number])[];
}

export type RegexAnswer =
  | { readonly matches: readonly RegexMatch[] }
  /** It took longer than it may. */
  | { readonly timeout: true };

/** Answers at once, or says that it does not know yet. */
export type RegexOracle = (request: RegexRequest) => RegexAnswer | "unknown";

/** Thrown inside an evaluation, caught at its rim: the caller gets the answer and evaluates again. */
export class RegexNeeded extends Error {
  readonly request: RegexRequest;
  constructor(request: RegexRequest) {
    super("a pattern waits for its answer");
    this.name = "RegexNeeded";
    this.request = request;
  }
}

/** For callers that have no engine for slow patterns. */
export const noSlowRegex: RegexOracle = () => "unknown";
