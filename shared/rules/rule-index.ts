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
  readonly compare: Comparison | null;
  readonly criterion: CompiledCriterion;
}

export interface FiledRule {
  readonly compiled: CompiledRule;
  /** As that of `compiled`. */
  readonly broken: string | null;
  readonly isBackstop: boolean;
  /** It has criteria, which an empty payload never fulfils. */
  readonly needsPayload: boolean;
  /** The criteria that are still to be judged where it is filed. */
  readonly steps: readonly Step[];
  /** Labels that the trigger's agent has to have; `null` when any agent will do. */
  readonly origins: readonly (readonly [name: string, value: string])[] | null;
}

/**
 * Rules in their order, with one criterion of each beside them in columns: most rules of a large set do not match, and
 * to find that out in one place of memory after the other costs several times as much.
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

/** Rules, filed as far as it is worth it. */
interface Drawer {
  /** All of them are in `always`. */
  readonly isLeaf: boolean;
  /** To judge whatever the trigger says. */
  readonly always: Shelf;
  /** Slot of the value to look at, and value → rules that want this value. */
  readonly byValue: readonly {
    readonly slot: number;
    readonly drawers: ReadonlyMap<string | number, Drawer>;
  }[];
  readonly byText: readonly TextShelf[];
}

export interface RuleIndex {
  /** What the rules look up; a slot is a place in this list. */
  readonly lookUps: readonly LookUp[];
  readonly drawer: Drawer;
}

/** Below so many rules, judging each is cheaper than to look for those that may match. */
const worthFiling = 12;

/** What the rules of a type see of one trigger: each value is looked up once. */
export class Looks {
  readonly scope: Scope;
  readonly #lookUps: readonly LookUp[];
  readonly #values: unknown[];

  constructor(scope: Scope, { lookUps }: Pick<RuleIndex, "lookUps">) {
    this.scope = scope;
    this.#lookUps = lookUps;
    this.#values = [];
  }

  /** Throws what the look-up throws, each time. */
  at(slot: number): unknown {
    const values = this.#values;
    // Nothing that has been looked up is undefined.
    while (values.length <= slot) values.push(undefined);
    const known = values[slot];
    if (known !== undefined) return known;
    const value = this.#lookUps[slot]?.(this.scope) ?? null;
    values[slot] = value;
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
  const placed = rules.map((compiled): Placed => {
    const steps = compiled.criteria.map(
      (criterion): Step => ({ slot: slotOf(criterion), compare: criterion.compare, criterion }),
    );
    const origins = Object.entries(compiled.rule.origins ?? {});
    const rule: FiledRule = {
      ...{ compiled, broken: compiled.broken, isBackstop: compiled.rule.type === "backstop" },
      ...{ steps, needsPayload: steps.length > 0, origins: origins.length === 0 ? null : origins },
    };
    return { rule, from: 0 };
  });
  return { lookUps, drawer: drawerOf(placed, true) };
}

interface Placed {
  readonly rule: FiledRule;
  /** The first step by which it has not been filed yet; nothing before it can fail. */
  readonly from: number;
}

function drawerOf(placed: readonly Placed[], isTop = false): Drawer {
  if (!isTop && placed.length < worthFiling) {
    return { isLeaf: true, always: shelfOf(placed), byValue: [], byText: [] };
  }
  const always: Placed[] = [];
  const byValue = new Map<number, Map<string | number, Placed[]>>();
  const byText = new Map<string, { place: TextPlace; placed: Placed[]; entries: TextEntry<FiledRule>[] }>();
  for (const each of placed) {
    const { rule } = each;
    const place = filedUnder(each);
    if (place === null) always.push(each);
    else if ("value" in place) {
      const { slot, value, at } = place;
      listIn(mapIn(byValue, slot), value).push(behind(rule, at, value));
    } else {
      const key = `${place.slot} ${place.needs.ignoreCase}`;
      const same = byText.get(key) ?? { place, placed: [], entries: [] };
      byText.set(key, same);
      same.placed.push(each);
      same.entries.push({ item: rule, clauses: place.needs.clauses });
    }
  }
  const shelves: TextShelf[] = [];
  for (const { place, placed: same, entries } of byText.values()) {
    if (entries.length < worthFiling) {
      for (const each of same) always.push(each);
      continue;
    }
    const index = new TextIndex(entries);
    const unfiled = new Set(index.unfiled);
    for (const each of same) if (unfiled.has(each.rule)) always.push(each);
    const all = entries.map(({ item }) => item).filter((rule) => !unfiled.has(rule));
    shelves.push({ slot: place.slot, ignoreCase: place.needs.ignoreCase, index, all });
  }
  return {
    isLeaf: byValue.size === 0 && shelves.length === 0,
    always: shelfOf(always.sort((a, b) => inOrder(a.rule, b.rule))),
    byValue: [...byValue].map(([slot, filed]) => ({
      slot,
      drawers: new Map([...filed].map(([value, same]) => [value, drawerOf(same)])),
    })),
    byText: shelves,
  };
}

/** Of equal texts nothing is left to judge; what is filed as the same number may differ. */
function behind(rule: FiledRule, at: number, value: string | number): Placed {
  if (typeof value === "number") return { rule, from: at + 1 };
  return { rule: { ...rule, steps: rule.steps.toSpliced(at, 1) }, from: at };
}

function shelfOf(placed: readonly Placed[]): Shelf {
  const checks = placed.map(({ rule, from }) => rule.steps[from]);
  return {
    rules: placed.map(({ rule }) => rule),
    compares: checks.map((check) => check?.compare ?? null),
    slots: checks.map((check) => check?.slot ?? 0),
  };
}

/** Rules that may match or fail, in their order; those left out would cleanly not match. */
export function candidatesIn(
  { drawer }: RuleIndex,
  looks: Looks,
  environment: OperatorEnvironment,
): readonly FiledRule[] {
  const found = gathered(drawer, looks, environment);
  return drawer.isLeaf ? found : eachOnce(found);
}

/** In parts that each are in order. */
function gathered(
  { isLeaf, always, byValue, byText }: Drawer,
  looks: Looks,
  environment: OperatorEnvironment,
): readonly FiledRule[] {
  let found = taken(always, looks, environment);
  if (isLeaf) return found;
  for (const { slot, drawers } of byValue) {
    const key = valueKey(looks.at(slot));
    const drawer = key === null ? undefined : drawers.get(key);
    if (drawer !== undefined) found = joined(found, gathered(drawer, looks, environment));
  }
  for (const { slot, ignoreCase, index, all } of byText) {
    const value = looks.at(slot);
    const isText = typeof value === "string" && value.length <= MAX_TEXT;
    found = joined(found, isText ? index.find(ignoreCase ? value.toLowerCase() : value) : all);
  }
  return found;
}

function joined(some: readonly FiledRule[], more: readonly FiledRule[]): readonly FiledRule[] {
  if (more.length === 0) return some;
  return some.length === 0 ? more : [...some, ...more];
}

/** In order; a rule that any of several texts would do for was found once for each that is there. */
function eachOnce(rules: readonly FiledRule[]): readonly FiledRule[] {
  if (rules.length < 2) return rules;
  const sorted = rules.toSorted(inOrder);
  return sorted.filter((rule, i) => rule !== sorted[i - 1]);
}

const noRules: readonly FiledRule[] = [];

/** Those that may hold, in their order. */
function taken(
  { rules, compares, slots }: Shelf,
  looks: Looks,
  environment: OperatorEnvironment,
): readonly FiledRule[] {
  // Judging a single one is no more than trying it.
  if (rules.length < 2) return rules;
  let found: FiledRule[] | null = null;
  for (let i = 0; i < rules.length; i++) {
    const rule = rules[i];
    const compare = compares[i] ?? null;
    if (rule === undefined) continue;
    if (compare !== null && !mayHold(compare, slots[i] ?? 0, looks, environment)) continue;
    if (found === null) found = [rule];
    else found.push(rule);
  }
  return found ?? noRules;
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

interface TextPlace {
  readonly slot: number;
  readonly needs: TextNeeds;
}

type Place =
  /** `at`: which step it is. */
  { readonly slot: number; readonly value: string | number; readonly at: number } | TextPlace;

/**
 * The first `equals` with a constant decides where a rule is filed, or the first criterion that needs something of a
 * text, provided that nothing before it can fail: a failure is recorded, so it must not be skipped.
 */
function filedUnder({ rule: { compiled, isBackstop, steps }, from }: Placed): Place | null {
  if (isBackstop || compiled.broken !== null) return null;
  for (let at = from; at < steps.length; at++) {
    const step = steps[at];
    if (step === undefined) break;
    const { indexable, needs, mayFail } = step.criterion;
    const value = indexable === undefined ? null : valueKey(indexable.value);
    if (value !== null) return { slot: step.slot, value, at };
    if (needs !== undefined && needs.clauses.length > 0) return { slot: step.slot, needs };
    if (mayFail) return null;
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
