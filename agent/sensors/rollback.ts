/**
 * Which version of a sensor its next process is of: what is assigned, or what last became ready, when what is assigned
 * could not be started. Pure; a version is code and configuration together.
 */

/** What follows the end of a process that never became ready. */
export type AfterFailure =
  /** At once the one that last became ready. */
  | "go-back"
  /** After a pause, what `next` says. */
  | "rest";

export class Rollback<V> {
  readonly #alike: (a: V, b: V) => boolean;
  #assigned: V;
  #proven: V | null;
  #problem: string | null = null;
  #failures = 0;

  constructor(assigned: V, proven: V | null, alike: (a: V, b: V) => boolean) {
    this.#alike = alike;
    this.#assigned = assigned;
    this.#proven = proven;
  }

  get assigned(): V {
    return this.#assigned;
  }

  /** What last became ready. */
  get proven(): V | null {
    return this.#proven;
  }

  /** What the next process, or the present one, is of. */
  get next(): V {
    return this.#problem === null ? this.#assigned : (this.#proven ?? this.#assigned);
  }

  /** Why what is assigned does not run, while the one before goes on in its place. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Whether `version`, should it not become ready, is left for another one. */
  canGoBackFrom(version: V): boolean {
    const isWayBack = this.#proven !== null && !this.#alike(this.#proven, this.#assigned);
    return isWayBack && this.#alike(version, this.#assigned);
  }

  /** Attempts in a row at what is assigned that ended in going back. */
  get failures(): number {
    return this.#failures;
  }

  /** What could not be started is not tried again for being assigned once more. */
  assign(version: V): void {
    const isOther = !this.#alike(version, this.#assigned);
    this.#assigned = version;
    if (isOther) this.#start();
  }

  /** A process of `version` is ready, or one that is can stay for it. */
  ready(version: V): void {
    if (this.#alike(version, this.#assigned)) this.#start();
    this.#proven = version;
  }

  /** A process of `version` ended before it was ready, and nobody asked it to. */
  failed(version: V, error: string): AfterFailure {
    if (this.canGoBackFrom(version)) {
      this.#problem = error;
      this.#failures++;
      return "go-back";
    }
    // The way back is closed as well: what is assigned is tried as often as it.
    this.#problem = null;
    return "rest";
  }

  /** What is assigned is tried once more. */
  retry(): void {
    this.#problem = null;
  }

  #start(): void {
    this.#problem = null;
    this.#failures = 0;
  }
}
