/** Puts a test between a database and its disk: whatever LevelDB writes as a batch goes through the test first. */
import type { ClassicLevel } from "classic-level";

/** Decides about one batch: `write` lets it be written. Rejects to have the caller believe that it was not. */
export type WriteGuard = (write: () => Promise<void>) => Promise<void>;

/** Returns what takes the guard away again. */
export function guardWrites(level: ClassicLevel<string, string>, guard: WriteGuard): () => void {
  const real = level.batch.bind(level);
  const whole = real as unknown as (...args: unknown[]) => Promise<void>;
  const guarded = (...args: unknown[]) => {
    if (args.length > 0) return guard(() => whole(...args));
    const chained = real();
    const write = chained.write.bind(chained);
    return Object.assign(chained, { write: (options: object) => guard(() => write(options)) });
  };
  Object.assign(level, { batch: guarded });
  return () => void Object.assign(level, { batch: real });
}
