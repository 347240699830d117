/**
 * Named points between the promises of a process, at which a test may end it. They lie at the doors between parts: a
 * part is put behind points where it is wired, knows nothing of it, and without a test is not put behind any.
 */
import type { Timers } from "./timers.ts";

/** Called when a process passes a point. */
export type PassPoint = (point: string) => void;

/**
 * The points of one method: `<name>.before` is passed when it is called, `<name>.after` once what it promised holds
 * and before its caller hears of it. A function names them by the arguments; `null`: this call has none.
 */
export type NameOf<F> = F extends (...args: infer A) => unknown
  ? string | ((...args: A) => string | null)
  : never;

/** By method. */
export type PointNames<T> = { readonly [K in keyof T]?: NameOf<T[K]> };

/** `part` with points before and after the methods that `names` lists; all others are as they were. */
export function behindPoints<T extends object>(part: T, names: PointNames<T>, pass: PassPoint): T {
  return new Proxy(part, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== "function") return value;
      const method = (...args: unknown[]): unknown => Reflect.apply(value, target, args);
      const name: unknown = Reflect.get(names, key);
      if (name === undefined) return method;
      return (...args: unknown[]) => {
        const point: unknown = typeof name === "function" ? Reflect.apply(name, undefined, args) : name;
        return point === null ? method(...args) : passing(String(point), () => method(...args), pass);
      };
    },
  });
}

/** Runs `work` between its two points. */
export function passing<R>(name: string, work: () => R, pass: PassPoint): R {
  pass(`${name}.before`);
  const result = work();
  if (result instanceof Promise) {
    return result.then((value: unknown) => {
      pass(`${name}.after`);
      return value;
    }) as R;
  }
  pass(`${name}.after`);
  return result;
}

/** Waits of a minute take a few seconds: lives that end at a point are short, and shall still see every chore. */
export function hurried(timers: Timers, times: number): Timers {
  return { after: (delayMs, callback) => timers.after(delayMs / times, callback) };
}
