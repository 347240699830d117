/** What a command line may touch of the process around it. */

export interface CliIo {
  /** Results. Resolves when the reader has room again. */
  out(text: string): Promise<void>;
  /** Everything else: errors, hints, progress. */
  err(text: string): void;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Width of the terminal that results go to; `undefined` when it is none. */
  readonly columns: number | undefined;
  /** Milliseconds since the epoch. */
  now(): number;
  /** The name that executions are recorded under. */
  readonly user: string;
  /** From now on Ctrl-C says `note` and ends with exit code 130. Replaces what was set before. */
  exitOnInterrupt(note?: string): void;
}
