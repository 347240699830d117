/** Binds the arguments of a call to the parameters of a built-in. */
import { repr } from "./text.ts";
import { fail } from "./values.ts";

export type Named = ReadonlyMap<string, unknown>;
export const NONE_NAMED: Named = new Map();

/**
 * The values in the order of `parameters`; one that was not given is `undefined`.
 * A name ending in `!` must be given. More or other arguments are refused.
 */
export function bind(
  what: string,
  parameters: readonly string[],
  args: readonly unknown[],
  named: Named,
): readonly unknown[] {
  if (args.length > parameters.length) {
    return fail(`${what}() takes at most ${parameters.length} arguments (${args.length} given)`);
  }
  const values: unknown[] = parameters.map((_, i) => args[i]);
  const names = parameters.map((name) => name.replace("!", ""));
  for (const [name, value] of named) {
    const place = names.indexOf(name);
    if (place < 0) return fail(`${what}() got an unexpected keyword argument ${repr(name)}`);
    if (place < args.length) return fail(`${what}() got multiple values for argument ${repr(name)}`);
    values[place] = value;
  }
  parameters.forEach((name, i) => {
    if (name.endsWith("!") && values[i] === undefined) {
      fail(`${what}() missing 1 required positional argument: ${repr(names[i] ?? "")}`);
    }
  });
  return values;
}

/** The result of a built-in that takes no arguments. */
export function withoutArguments<T>(
  what: string,
  args: readonly unknown[],
  named: Named,
  result: () => T,
): T {
  bind(what, [], args, named);
  return result();
}

/** What a method that changes its object gives: None. */
export function changed(_result: unknown): null {
  return null;
}
