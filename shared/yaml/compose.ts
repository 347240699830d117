/** Turns the syntax tree of one YAML document into JSON and a tree of source lines beside it. */
import { type Document, isAlias, isMap, isScalar, isSeq, type Node, type Pair, type YAMLMap } from "yaml";
import type { Json } from "../json.ts";
import { type Resolved, resolvePlain, toBool, toFloat, toInt } from "./resolve-scalar.ts";

/** Source lines of a value and of what is in it. */
export interface Position {
  readonly line: number;
  readonly children: Map<string, Position>;
}

/** What is wrong at a line; the reader makes a Problem of it. */
export interface Finding {
  readonly line: number;
  readonly severity: "error" | "warning";
  readonly kind: "syntax" | "size";
  readonly message: string;
  readonly hint: string;
}

export interface Composed {
  readonly value: Json;
  readonly position: Position;
}

interface Built extends Composed {
  /** Values in it with every alias written out: what a copy of it would cost. */
  readonly weight: number;
}

export interface ComposeLimits {
  readonly depth: number;
  /** Values that aliases may add to one document, together. */
  readonly aliasWeight: number;
}

const TAG = "tag:yaml.org,2002:";
/** Tags that say what an untagged node says already. */
const PLAIN_TAGS = new Set([undefined, "!", `${TAG}map`, `${TAG}seq`]);

class Refusal extends Error {
  readonly finding: Finding;
  constructor(finding: Finding) {
    super(finding.message);
    this.finding = finding;
  }
}

/** One walk over one document; holds its anchors and what its aliases have cost so far. */
class Composer {
  private readonly anchors = new Map<string, Built | "open">();
  private readonly lineOf: (offset: number) => number;
  private readonly limits: ComposeLimits;
  readonly warnings: Finding[] = [];
  private aliasWeight = 0;

  constructor(lineOf: (offset: number) => number, limits: ComposeLimits) {
    this.lineOf = lineOf;
    this.limits = limits;
  }

  build(node: Node | null, depth: number, line: number): Built {
    if (node === null) return { value: null, position: leaf(line), weight: 1 };
    const at = node.range ? this.lineOf(node.range[0]) : line;
    if (depth > this.limits.depth) {
      return this.refuse(at, `nested deeper than ${this.limits.depth} levels`, "flatten it", "size");
    }
    if (isAlias(node)) return this.alias(node.source, at);
    const anchor = isScalar(node) || isMap(node) || isSeq(node) ? node.anchor : undefined;
    if (anchor !== undefined) {
      if (this.anchors.has(anchor)) this.refuse(at, `the anchor &${anchor} is defined twice`, "rename one");
      this.anchors.set(anchor, "open");
    }
    let built: Built;
    if (isScalar(node)) built = this.scalar(node, at);
    else if (isSeq(node)) built = this.sequence(node.items, node.tag, depth, at);
    else if (isMap(node)) built = this.map(node, depth, at);
    else return this.refuse(at, "this cannot be read as a value", "remove it");
    if (anchor !== undefined) this.anchors.set(anchor, built);
    return built;
  }

  private refuse(line: number, message: string, hint: string, kind: Finding["kind"] = "syntax"): never {
    throw new Refusal({ line, severity: "error", kind, message, hint });
  }

  private alias(name: string, line: number): Built {
    const target = this.anchors.get(name);
    if (target === undefined)
      this.refuse(line, `no anchor &${name} comes before *${name}`, "define it first");
    if (target === "open") this.refuse(line, `*${name} stands inside what it refers to`, "write it out");
    // Shared by reference here, but written out by whoever serialises it: the "billion laughs".
    this.aliasWeight += target.weight;
    if (this.aliasWeight > this.limits.aliasWeight) {
      this.refuse(line, `aliases write out more than ${this.limits.aliasWeight} values`, "use fewer", "size");
    }
    return target;
  }

  private scalar(
    node: { tag?: string; type?: string | undefined; value: unknown; source?: string },
    line: number,
  ): Built {
    const text = node.source ?? String(node.value ?? "");
    const resolved = this.resolve(node.tag, node.type === "PLAIN", text, line);
    if (resolved.kind === "refused") this.refuse(line, resolved.reason, resolved.hint);
    if (resolved.kind === "merge") this.refuse(line, '"<<" is no value', "put it in quotes");
    if (resolved.kind === "int" && !resolved.exact) {
      this.warnings.push({
        line,
        severity: "warning",
        kind: "syntax",
        message: `${text} is too large to be kept exactly; it is read as ${resolved.value}`,
        hint: "put it in quotes to keep every digit",
      });
    }
    return { value: resolved.value, position: leaf(line), weight: 1 };
  }

  private resolve(tag: string | undefined, plain: boolean, text: string, line: number): Resolved {
    // "!" asks for the untagged meaning, which PyYAML takes from the text even when it is quoted.
    if (tag === "!" || (tag === undefined && plain)) return resolvePlain(text);
    switch (tag) {
      case undefined:
      case `${TAG}str`:
      case `${TAG}timestamp`:
        return { kind: "str", value: text };
      case `${TAG}null`:
        return { kind: "null", value: null };
      case `${TAG}int`:
        return toInt(text);
      case `${TAG}float`:
        return toFloat(text);
      case `${TAG}bool`:
        return toBool(text);
      default:
        return this.tagRefused(tag, line);
    }
  }

  private tagRefused(tag: string, line: number): never {
    const shown = tag.startsWith(TAG) ? `!!${tag.slice(TAG.length)}` : tag;
    this.refuse(line, `the tag ${shown} is not allowed`, "remove the tag and write plain values");
  }

  private sequence(items: readonly unknown[], tag: string | undefined, depth: number, line: number): Built {
    if (!PLAIN_TAGS.has(tag) || tag === `${TAG}map`) this.tagRefused(tag ?? "", line);
    const children = new Map<string, Position>();
    let weight = 1;
    const value = items.map((item, index) => {
      const built = this.build(item as Node | null, depth + 1, line);
      children.set(String(index), built.position);
      weight += built.weight;
      return built.value;
    });
    return { value, position: { line, children }, weight };
  }

  /** Duplicate keys: the last wins. Merged entries come first, and yield to the map's own (YAML 1.1, merge). */
  private map(node: YAMLMap, depth: number, line: number): Built {
    if (!PLAIN_TAGS.has(node.tag) || node.tag === `${TAG}seq`) this.tagRefused(node.tag ?? "", line);
    const merged: [string, Json][] = [];
    const own: [string, Json][] = [];
    const mergedLines: [string, Position][] = [];
    const ownLines: [string, Position][] = [];
    const firstLines = new Map<string, number>();
    let weight = 1;
    for (const pair of node.items as Pair<Node, Node | null>[]) {
      const keyLine = pair.key?.range ? this.lineOf(pair.key.range[0]) : line;
      const key = this.key(pair.key, depth, keyLine);
      const built = this.build(pair.value, depth + 1, keyLine);
      weight += built.weight;
      if (key === null) {
        for (const source of this.mergeSources(pair.value, built, keyLine)) {
          merged.push(...Object.entries(source.value as { [key: string]: Json }));
          mergedLines.push(...source.position.children);
        }
      } else {
        const before = firstLines.get(key);
        if (before === undefined) firstLines.set(key, keyLine);
        else this.warnDuplicate(key, before, keyLine);
        own.push([key, built.value]);
        ownLines.push([key, { line: keyLine, children: built.position.children }]);
      }
    }
    return {
      // fromEntries defines own properties, so a key "__proto__" stays a plain key.
      value: Object.fromEntries([...merged, ...own]),
      position: { line, children: new Map([...mergedLines, ...ownLines]) },
      weight,
    };
  }

  /** Read as StackStorm reads it, but hardly ever meant: half of a rule's criteria may be gone. */
  private warnDuplicate(key: string, first: number, line: number): void {
    this.warnings.push({
      line,
      severity: "warning",
      kind: "syntax",
      message: `the key ${JSON.stringify(key)} is there twice, first in line ${first}; only this one counts`,
      hint: "remove one of them, or put what they hold under one key",
    });
  }

  /** The maps that a `<<` names, the weakest first. */
  private mergeSources(node: Node | null, built: Built, line: number): readonly Composed[] {
    const sources: Composed[] = Array.isArray(built.value)
      ? built.value.map((value: Json, index) => ({
          value,
          position: built.position.children.get(String(index)) ?? leaf(line),
        }))
      : [built];
    for (const { value } of sources) {
      if (node === null || typeof value !== "object" || value === null || Array.isArray(value)) {
        this.refuse(line, '"<<" needs a map or a list of maps', "merge an alias of a map: <<: *name");
      }
    }
    return sources.reverse();
  }

  /** A key as Python's json spells it; `null` for a merge. */
  private key(node: Node | null, depth: number, line: number): string | null {
    let source = "";
    if (node !== null && isScalar(node)) {
      source = node.source ?? String(node.value ?? "");
      if (source === "" && node.type === "PLAIN") {
        this.refuse(line, "a key is missing before the colon", "write a key, or quote the value");
      }
      if (node.type === "PLAIN" && node.tag === undefined && source === "<<") return null;
      // As a key `=` is text (PyYAML, flatten_mapping).
      if (source === "=" && node.tag === undefined) return "=";
    }
    const { value } = this.build(node, depth + 1, line);
    if (typeof value === "string") return value;
    if (typeof value === "object" && value !== null) {
      this.refuse(
        line,
        "a list or map cannot be a key",
        'quote a template that starts a value: "{{ trigger.path }}"',
      );
    }
    if (typeof value === "boolean") {
      this.warnings.push({
        line,
        severity: "warning",
        kind: "syntax",
        message: `this key is read as the boolean ${value}`,
        hint: "put the key in quotes",
      });
    }
    return Number.isInteger(value) && source.includes(".") ? `${value}.0` : String(value);
  }
}

function leaf(line: number): Position {
  return { line, children: new Map() };
}

export type ComposeResult =
  | { readonly composed: Composed; readonly findings: readonly Finding[] }
  | { readonly composed: null; readonly findings: readonly Finding[] };

/** The document's value and lines, or `null` with the first thing that refuses it. */
export function compose(
  document: Document,
  lineOf: (offset: number) => number,
  limits: ComposeLimits,
): ComposeResult {
  const composer = new Composer(lineOf, limits);
  const line = document.range ? lineOf(document.range[0]) : 1;
  try {
    const composed = composer.build(document.contents as Node | null, 0, line);
    return { composed, findings: composer.warnings };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { composed: null, findings: [...composer.warnings, error.finding] };
  }
}
