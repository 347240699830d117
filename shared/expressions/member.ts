/** Attribute and item access of Jinja2 over plain data: methods of Python's types, then own keys, nothing else. */
import { KeyLookup, Missing } from "./datastore-lookup.ts";
import type { Named } from "./python/arguments.ts";
import { containerMethod, type Ownership } from "./python/container-methods.ts";
import { itemAt } from "./python/sequence.ts";
import { type Method, stringMethods } from "./python/string-methods.ts";
import { repr, str } from "./python/text.ts";
import {
  Callable,
  defined,
  dictGet,
  fail,
  isDict,
  isInt,
  isPlainObject,
  Namespace,
  Tuple,
  typeName,
  Undefined,
} from "./python/values.ts";

/** A pair of `groupby`, whose halves have names too. */
export class Group extends Tuple {}

/** Something of the engine's own whose attributes templates read: `loop`, a cycler. */
export abstract class Inspectable extends Callable {
  abstract attribute(name: string): unknown;
}

/** Names that Python objects have and templates must not reach. */
const INTERNAL = /^__\w+__$/;

const methods: ReadonlyMap<string, Method<string>> = stringMethods((value, key) => {
  const found = isDict(value) ? dictGet(value, key) : isInt(key) ? itemAt(value, key) : undefined;
  return found === undefined ? fail(repr(key)) : found;
});

function methodOf(self: unknown, name: string, ownership: Ownership): Callable | null {
  if (typeof self === "string") {
    const method = methods.get(name);
    return method === undefined
      ? null
      : new Callable(name, (args, named) => owned(method(self, args, named), ownership));
  }
  const bound = containerMethod(self, name, ownership);
  return bound === null ? null : new Callable(name, bound);
}

/** A list that a method made belongs to the template. */
function owned(value: unknown, ownership: Ownership): unknown {
  return Array.isArray(value) ? ownership.own(value) : value;
}

function beyond(value: Missing): KeyLookup {
  return value.lookup ?? fail("the inline if-expression evaluated to false and no else section was defined.");
}

function kindOf(value: unknown): string {
  return value === null ? "None" : `${typeName(value)} object`;
}

function missing(value: unknown, key: unknown): Undefined {
  if (typeof key !== "string") return new Undefined(`${kindOf(value)} has no element ${repr(key)}`);
  return new Undefined(`'${kindOf(value)}' has no attribute ${repr(key)}`);
}

function unsafe(value: unknown, name: string): Undefined {
  return new Undefined(`access to attribute '${name}' of '${typeName(value)}' object is unsafe.`);
}

/** `value.name` */
export function attribute(value: unknown, name: string, ownership: Ownership): unknown {
  if (value instanceof KeyLookup) return value.member(name);
  if (value instanceof Missing) return beyond(value).member(name);
  defined(value);
  if (value instanceof Inspectable) {
    const found = value.attribute(name);
    return found === undefined ? missing(value, name) : found;
  }
  if (value instanceof Namespace) {
    const found = value.attributes.get(name);
    return found === undefined ? missing(value, name) : found;
  }
  if (value instanceof Group && name === "grouper") return value.items[0];
  if (value instanceof Group && name === "list") return value.items[1];
  if (INTERNAL.test(name)) return unsafe(value, name);
  const method = methodOf(value, name, ownership);
  if (method !== null) return method;
  const found = isDict(value) ? dictGet(value, name) : undefined;
  return found === undefined ? missing(value, name) : found;
}

const nobody: Ownership = { own: (value) => value, owns: () => false };

/** As `attribute`; what the name means for an object from JSON is found out once. */
export function compileAttribute(name: string): (value: unknown, ownership: Ownership) => unknown {
  const isOnlyKey = !INTERNAL.test(name) && methodOf({}, name, nobody) === null;
  return (value, ownership) => {
    if (!isOnlyKey || !isPlainObject(value)) return attribute(value, name, ownership);
    const found = Object.hasOwn(value, name) ? value[name] : undefined;
    return found === undefined ? missing(value, name) : found;
  };
}

/** `value[key]` */
export function item(value: unknown, key: unknown, ownership: Ownership): unknown {
  if (value instanceof KeyLookup) return value.member(str(key));
  if (value instanceof Missing) return beyond(value).member(str(key));
  defined(value);
  defined(key);
  let found: unknown;
  if (isDict(value)) found = hashable(key) ? dictGet(value, key) : undefined;
  else if (isInt(key) || typeof key === "boolean") found = itemAt(value, Number(key));
  if (found !== undefined) return found;
  if (typeof key !== "string") return missing(value, key);
  if (isDict(value) && INTERNAL.test(key)) return unsafe(value, key);
  return isDict(value)
    ? (methodOf(value, key, ownership) ?? missing(value, key))
    : attribute(value, key, ownership);
}

function hashable(key: unknown): boolean {
  return !Array.isArray(key) && !isDict(key);
}

/** `callee(args)` */
export function call(callee: unknown, args: readonly unknown[], named: Named, ownership: Ownership): unknown {
  if (callee instanceof KeyLookup) {
    const text = callee.value === undefined ? callee.method : null;
    const method = text === null ? null : methodOf(text.of, text.name, ownership);
    return method === null
      ? fail(`the datastore's '${callee.key}' is not callable`)
      : method.call(args, named);
  }
  if (defined(callee) instanceof Callable) return (callee as Callable).call(args, named);
  return fail(`'${typeName(callee)}' object is not callable`);
}

/** `a.b.0` and `a,b` paths of filters such as `map(attribute=…)`: each part is looked up as an item. */
export function path(attributes: unknown): readonly (string | number)[] {
  if (attributes === null || attributes === undefined) return [];
  if (isInt(attributes)) return [Number(attributes)];
  return str(attributes)
    .split(".")
    .map((part) => (/^\p{Nd}+$/u.test(part) ? Number(part) : part));
}

export function follow(value: unknown, parts: readonly (string | number)[], ownership: Ownership): unknown {
  return parts.reduce((current: unknown, part) => item(current, part, ownership), value);
}
