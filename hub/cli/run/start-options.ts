/** `--delay` and `--start-at`: when an execution is to start. */
import { PetrelError } from "../../../shared/errors.ts";

export interface StartOptions {
  readonly delay?: number;
  readonly startAt?: string;
}

/** As the API takes it. CLI_USAGE when both are given. */
export function startOf({ delay, startAt }: StartOptions): { delay?: number; start_at?: string } {
  if (delay !== undefined && startAt !== undefined) {
    throw new PetrelError("CLI_USAGE", "--delay and --start-at exclude each other");
  }
  return { ...(delay !== undefined && { delay }), ...(startAt !== undefined && { start_at: startAt }) };
}
