/** The enabled rules of one trigger type, filed so that a trigger meets few of those that cannot match. */
import { Float } from "../expressions/python/values.ts";
import { MAX_TEXT } from "../expressions/regex/pattern.ts";
import type { Scope } from "../expressions/run.ts";
import type { CompiledRule } from "./compiled-rule-set.ts";
import type { CompiledCriterion, LookUp } from "./criterion.ts";
import type { Comparison, OperatorEnvironment, TextNeeds } from "./operators.ts";
import { type TextEntry, TextIndex } from "./text-index.ts";

/** A criterion and the place among the values of a trigger where what it looks up is kept. */
export interface Step {
  readonly slot: number;
  readonly criterion: CompiledCriterion;
}

export interface FiledRule {
  readonly compiled: CompiledRule;
  readonly isBackstop: boolean;
  readonly steps: readonly Step[];
  /** Labels that the trigger's agent has to have; `null` when any agent will do. */
  readonly origins: readonly (readonly [name: string, value: string])[] | null;
}

/**
 * Rules with one criterion of each beside them, in columns: most rules of a large set do not match, and to find that out
 * in one place of memory after the other costs several times as much.
 */
interface Shelf {
  readonly rules: readonly FiledRule[];
  /** Where this one does not hold the rule cleanly does not match; `null` when there is none to try. */
  readonly compares: readonly (Comparison | null)[];
  /** Of the value to compare. */
  readonly slots: readonly number[];
}

/** Rules that need something of the text in one place. */
interface TextShelf {
  readonly slot: number;
  readonly ignoreCase: boolean;
  readonly index: TextIndex<FiledRule>;
  /** For values that are no text: to judge them is a failure, which is not to be skipped. */
  readonly all: readonly FiledRule[];
}

export interface RuleIndex {
  /** What the rules look up; a slot is a place in this list. */
  readonly lookUps: readonly LookUp[];
  /** Rules to judge for every trigger of the type. */
  readonly always: Shelf;
  /** Slot of the value to look at, and value → rules that want this value. */
  readonly byValue: readonly {
    readonly slot: number;
    readonly shelves: ReadonlyMap<string | number, Shelf>;
  }[];
  readonly byText: readonly TextShelf[];
}

/** Below so many rules that look at the same text, judging each is cheaper than to look for those that may match. */
const worthFiling = 12;

/** What the rules of a type see of one trigger: each value is looked up once. */
export class Looks {
  readonly scope: Scope;
  readonly #lookUps: readonly LookUp[];
  readonly #values: unknown[];

  constructor(scope: Scope, { lookUps }: Pick<RuleIndex, "lookUps">) {
    this.scope = scope;
    this.#lookUps = lookUps;
    // Nothing that is looked up is undefined.
    this.#values = new Array<unknown>(lookUps.length).fill(undefined);
  }

  /** Throws what the look-up throws, each time. */
  at(slot: number): unknown {
    const known = this.#values[slot];
    if (known !== undefined) return known;
    const value = this.#lookUps[slot]?.(this.scope) ?? null;
    this.#values[slot] = value;
    return value;
  }
}

/** `rules` in their order. */
export function indexRules(rules: readonly CompiledRule[]): RuleIndex {
  const slots = new Map<string, number>();
  const lookUps: LookUp[] = [];
  const slotOf = ({ path, lookUp }: CompiledCriterion): number => {
    const known = slots.get(path);
    if (known !== undefined) return known;
    slots.set(path, lookUps.length);
    return lookUps.push(lookUp) - 1;
  };
  const always: FiledRule[] = [];
  const byValue = new Map<number, Map<string | number, Placed[]>>();
  const byText = new Map<string, { slot: number; ignoreCase: boolean; entries: TextEntry<FiledRule>[] }>();
  for (const compiled of rules) {
    const steps = compiled.criteria.map((criterion) => ({ slot: slotOf(criterion), criterion }));
    const origins = Object.entries(compiled.rule.origins ?? {});
    const rule: FiledRule = {
      ...{ compiled, steps, isBackstop: compiled.rule.type === "backstop" },
      origins: origins.length === 0 ? null : origins,
    };
    const place = filedUnder(rule);
    if (place === null) always.push(rule);
    else if ("value" in place) {
      const { slot, value, next } = place;
      listIn(mapIn(byValue, slot), value).push({ rule, check: steps[next] });
    } else {
      const { slot, needs } = place;
      const key = `${slot} ${needs.ignoreCase}`;
      const shelf = byText.get(key) ?? { slot, ignoreCase: needs.ignoreCase, entries: [] };
      byText.set(key, shelf);
      shelf.entries.push({ item: rule, clauses: needs.clauses });
    }
  }
  const shelves: TextShelf[] = [];
  for (const { slot, ignoreCase, entries } of byText.values()) {
    if (entries.length < worthFiling) {
      always.push(...entries.map(({ item }) => item));
      continue;
    }
    const index = new TextIndex(entries);
    always.push(...index.unfiled);
    const unfiled = new Set(index.unfiled);
    const all = entries.map(({ item }) => item).filter((rule) => !unfiled.has(rule));
    shelves.push({ slot, ignoreCase, index, all });
  }
  return {
    lookUps,
    always: shelfOf(always.sort(inOrder).map((rule) => ({ rule, check: rule.steps[0] }))),
    byValue: [...byValue].map(([slot, filed]) => ({
      slot,
      shelves: new Map([...filed].map(([value, placed]) => [value, shelfOf(placed)])),
    })),
    byText: shelves,
  };
}

interface Placed {
  readonly rule: FiledRule;
  /** Nothing before it can fail. */
  readonly check: Step | undefined;
}

function shelfOf(placed: readonly Placed[]): Shelf {
  return {
    rules: placed.map(({ rule }) => rule),
    compares: placed.map(({ check }) => check?.criterion.compare ?? null),
    slots: placed.map(({ check }) => check?.slot ?? 0),
  };
}

/** Rules that may match or fail, in their order; those left out would cleanly not match. */
export function candidatesIn(
  { always, byValue, byText }: RuleIndex,
  looks: Looks,
  environment: OperatorEnvironment,
): readonly FiledRule[] {
  const found: FiledRule[] = [];
  take(always, looks, environment, found);
  let isInOrder = true;
  for (const { slot, shelves } of byValue) {
    const key = valueKey(looks.at(slot));
    const shelf = key === null ? undefined : shelves.get(key);
    if (shelf === undefined) continue;
    isInOrder &&= found.length === 0;
    take(shelf, looks, environment, found);
  }
  for (const { slot, ignoreCase, index, all } of byText) {
    const value = looks.at(slot);
    const isText = typeof value === "string" && value.length <= MAX_TEXT;
    const fitting = isText ? index.find(ignoreCase ? value.toLowerCase() : value) : all;
    if (fitting.length === 0) continue;
    isInOrder &&= found.length === 0 && fitting.length === 1;
    for (const rule of fitting) found.push(rule);
  }
  if (isInOrder) return found;
  found.sort(inOrder);
  // A rule that any of several texts would do for comes once for each that is there.
  return found.filter((rule, i) => rule !== found[i - 1]);
}

function take(
  { rules, compares, slots }: Shelf,
  looks: Looks,
  environment: OperatorEnvironment,
  found: FiledRule[],
): void {
  for (let i = 0; i < rules.length; i++) {
    const rule = rules[i];
    const compare = compares[i] ?? null;
    if (rule === undefined) continue;
    if (compare === null || mayHold(compare, slots[i] ?? 0, looks, environment)) found.push(rule);
  }
}

function mayHold(compare: Comparison, slot: number, looks: Looks, environment: OperatorEnvironment): boolean {
  try {
    return compare(looks.at(slot), environment);
  } catch {
    // Judging the rule throws it again, and records it.
    return true;
  }
}

function inOrder(a: FiledRule, b: FiledRule): number {
  return a.compiled.order - b.compiled.order;
}

type Place =
  /** `next`: place of the step behind it. */
  | { readonly slot: number; readonly value: string | number; readonly next: number }
  | { readonly slot: number; readonly needs: TextNeeds };

/**
 * The first `equals` with a constant decides where a rule is filed, or the first criterion that needs something of a
 * text, provided that nothing before it can fail: a failure is recorded, so it must not be skipped.
 */
function filedUnder({ compiled, steps }: FiledRule): Place | null {
  if (compiled.rule.type === "backstop" || compiled.broken !== null) return null;
  for (const [at, { slot, criterion }] of steps.entries()) {
    const { indexable, needs } = criterion;
    const value = indexable === undefined ? null : valueKey(indexable.value);
    if (value !== null) return { slot, value, next: at + 1 };
    if (needs !== undefined && needs.clauses.length > 0) return { slot, needs };
    if (criterion.mayFail) return null;
  }
  return null;
}

/** The same for values that Python holds equal, and perhaps for others; `null` for what is neither text nor number. */
function valueKey(value: unknown): string | number | null {
  switch (typeof value) {
    case "string":
    case "number":
      return value;
    case "boolean":
    case "bigint":
      return Number(value);
    default:
      return value instanceof Float ? value.value : null;
  }
}

function mapIn<K, V>(maps: Map<number, Map<K, V>>, key: number): Map<K, V> {
  const map = maps.get(key) ?? new Map<K, V>();
  maps.set(key, map);
  return map;
}

function listIn<K, V>(lists: Map<K, V[]>, key: K): V[] {
  const list = lists.get(key) ?? [];
  lists.set(key, list);
  return list;
}
