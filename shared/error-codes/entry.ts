/** What the catalogue says of a code. */

/** Exit codes of the command line: 1 failed, 2 used wrongly, 3 not reachable, 4 refused. */
type ExitCode = 1 | 2 | 3 | 4;
/** A code is `NOUN_PROBLEM`, stable for ever. */
export interface CodeEntry {
  /** HTTP status at the API. */
  readonly status: number;
  readonly exit: ExitCode;
  /** Whether the same call may succeed later without anybody changing anything. */
  readonly retry?: true;
  /** What the code means, for docs/errors.md. */
  readonly text: string;
}

/** The codes of one subject. */
export type Codes = Readonly<Record<string, CodeEntry>>;
