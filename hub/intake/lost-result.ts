/** A result that goes into a dead letter and could not be encrypted for that: nobody gets it any more. */
import type { Logger } from "../../shared/log.ts";
import type { DeadLetter } from "../store/port/history.ts";

export function logLost({ id, agent, left_out = [] }: DeadLetter, log: Pick<Logger, "error">): void {
  for (const { code, message } of left_out)
    log.error("a secret result is lost: it could not be encrypted for its dead letter", {
      letter: id,
      agent,
      code,
      why: message,
    });
}
