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
  const values: unknown[] = [];
  for (let i = 0; i < parameters.length; i++) values.push(args[i]);
  if (named.size > 0) takeNamed(what, parameters, args.length, named, values);
  for (let i = 0; i < parameters.length; i++) {
    const name = parameters[i] ?? "";
    if (values[i] === undefined && name.endsWith("!"))
      return fail(`${what}() missing 1 required positional argument: ${repr(name.slice(0, -1))}`);
  }
  return values;
}

function takeNamed(
  what: string,
  parameters: readonly string[],
  positional: number,
  named: Named,
  values: unknown[],
): void {
  const names = parameters.map((name) => name.replace("!", ""));
  for (const [name, value] of named) {
    const place = names.indexOf(name);
    if (place < 0) fail(`${what}() got an unexpected keyword argument ${repr(name)}`);
    if (place < positional) fail(`${what}() got multiple values for argument ${repr(name)}`);
    values[place] = value;
  }
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
