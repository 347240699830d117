/** What `petrel doctor` says of one weak setting. */

export interface Finding {
  /** Stable name of the check. */
  readonly check: string;
  /** `wrong` has to be mended; `advice` is a choice that is weaker than it could be. */
  readonly level: "wrong" | "advice";
  readonly what: string;
  /** File, setting, key or agent. */
  readonly where: string;
  /** How to mend it. */
  readonly fix: string;
}
