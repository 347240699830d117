/** JSON Schema checks that cost nothing until they are used: a start declares hundreds and needs a dozen. */
import { Ajv, type ErrorObject, type Options, type ValidateFunction } from "ajv";

/** True for data that fits its schema. */
export interface Check<T = unknown> {
  (data: unknown): data is T;
  /** What was wrong at the last call; `null` when nothing was, and before the first. */
  readonly errors: ErrorObject[] | null;
}

/**
 * A maker of checks that share `options` (ajv.js.org/options.html). A check compiles its schema when it is first
 * called. That the schemas are sound is not looked at here: test/unit/schemas.test.ts does that for each of them.
 */
export function checksWith(options: Options): <T = unknown>(schema: object) => Check<T> {
  let ajv: Ajv | null = null;
  return <T>(schema: object) => {
    let compiled: ValidateFunction<T> | null = null;
    const check = (data: unknown): data is T => {
      if (compiled === null) {
        // What ajv's optimizer does V8 does again, and it takes a third of the time.
        ajv ??= new Ajv({ ...options, meta: false, validateSchema: false, code: { optimize: false } });
        compiled = ajv.compile<T>(schema);
      }
      return compiled(data);
    };
    return Object.defineProperty(check, "errors", { get: () => compiled?.errors ?? null }) as Check<T>;
  };
}

/** All of a check's errors in one line, each with its place in what is called `name`. */
export function errorsText(errors: readonly ErrorObject[] | null, name: string): string {
  return (errors ?? []).map(({ instancePath, message }) => `${name}${instancePath} ${message}`).join(", ");
}
