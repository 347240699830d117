/** A part that runs: started in order, stopped in reverse. */
import type { Logger } from "../../shared/log.ts";

export interface Stoppable {
  readonly name: string;
  /** Resolves when nothing of it runs any more and what it knew is on disk. */
  stop(): Promise<void>;
}

export interface Component extends Stoppable {
  start(): Promise<void> | void;
}

/** A component that fails to start takes those before it down again, and the failure is the caller's. */
export async function startAll(components: readonly Component[], log: Logger): Promise<void> {
  const started: Component[] = [];
  try {
    for (const component of components) {
      await component.start();
      started.push(component);
    }
  } catch (error) {
    // Whatever does not stop then is in the log; why nothing has started is what the caller has to know.
    await stopAll(started, log).catch(() => {});
    throw error;
  }
}

/** Stops all of them, the last first. One that fails is logged and hinders no other; then the whole has failed. */
export async function stopAll(parts: readonly Stoppable[], log: Logger): Promise<void> {
  const clean: boolean[] = [];
  for (const part of parts.toReversed()) clean.push(await stopOne(part, log));
  if (clean.includes(false)) throw new Error("not all parts have stopped cleanly");
}

/** Never rejects: false when it failed, which is in the log. */
export async function stopOne(part: Stoppable, log: Logger): Promise<boolean> {
  try {
    await part.stop();
    return true;
  } catch (error) {
    log.error("a part could not be stopped cleanly", { part: part.name, error });
    return false;
  }
}
