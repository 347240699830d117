/** A part that runs: started in order, stopped in reverse. */

export interface Component {
  readonly name: string;
  start(): Promise<void> | void;
  /** Resolves when nothing of it runs any more and what it knew is on disk. */
  stop(): Promise<void>;
}

/** A component that fails to start takes those before it down again, and the failure is the caller's. */
export async function startAll(components: readonly Component[]): Promise<void> {
  const started: Component[] = [];
  try {
    for (const component of components) {
      await component.start();
      started.push(component);
    }
  } catch (error) {
    await stopAll(started);
    throw error;
  }
}

/** Stops all of them, the last first; the first failure is thrown after the others have stopped as well. */
export async function stopAll(components: readonly Component[]): Promise<void> {
  const failures: unknown[] = [];
  for (const component of components.toReversed()) {
    try {
      await component.stop();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
