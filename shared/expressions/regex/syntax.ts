/** The tree of a Python regular expression; flags are already resolved into its nodes. */

export type ClassName = "d" | "D" | "s" | "S" | "w" | "W";

export type SetItem =
  | { readonly from: number; readonly to: number }
  | { readonly class: ClassName; readonly ascii: boolean };

export type Position =
  | "start"
  | "line-start"
  | "end"
  | "line-end"
  | "end-or-last-newline"
  | "word"
  | "not-word";

export type RegexNode =
  | { readonly type: "literal"; readonly code: number; readonly ignoreCase: boolean }
  | { readonly type: "any"; readonly newline: boolean }
  | {
      readonly type: "set";
      readonly negated: boolean;
      readonly items: readonly SetItem[];
      readonly ignoreCase: boolean;
    }
  | { readonly type: "sequence"; readonly parts: readonly RegexNode[] }
  | { readonly type: "choice"; readonly options: readonly RegexNode[] }
  | {
      readonly type: "repeat";
      readonly of: RegexNode;
      readonly min: number;
      /** `Infinity` when unbounded. */
      readonly max: number;
      readonly mode: "greedy" | "lazy" | "possessive";
    }
  | { readonly type: "group"; readonly index: number; readonly of: RegexNode }
  | { readonly type: "look"; readonly ahead: boolean; readonly negated: boolean; readonly of: RegexNode }
  | { readonly type: "atomic"; readonly of: RegexNode }
  | { readonly type: "reference"; readonly index: number; readonly ignoreCase: boolean }
  | { readonly type: "position"; readonly at: Position; readonly ascii: boolean };

export interface RegexTree {
  readonly root: RegexNode;
  readonly groupCount: number;
  readonly groupNames: ReadonlyMap<string, number>;
}

/** The nodes directly inside a node. */
export function children(node: RegexNode): readonly RegexNode[] {
  switch (node.type) {
    case "sequence":
      return node.parts;
    case "choice":
      return node.options;
    case "repeat":
    case "group":
    case "look":
    case "atomic":
      return [node.of];
    default:
      return [];
  }
}

/** Whether the node or one inside it satisfies `test`. */
export function some(node: RegexNode, test: (node: RegexNode) => boolean): boolean {
  return test(node) || children(node).some((child) => some(child, test));
}

/** The least and greatest number of code points the node can match. */
export function width(
  node: RegexNode,
  groups: ReadonlyMap<number, RegexNode> = new Map(),
): readonly [number, number] {
  switch (node.type) {
    case "literal":
    case "any":
    case "set":
      return [1, 1];
    case "sequence":
      return node.parts
        .map((part) => width(part, groups))
        .reduce(([low, high], [least, most]) => [low + least, high + most] as const, [0, 0] as const);
    case "choice": {
      const widths = node.options.map((option) => width(option, groups));
      return [Math.min(...widths.map(([least]) => least)), Math.max(...widths.map(([, most]) => most))];
    }
    case "repeat": {
      const [least, most] = width(node.of, groups);
      return [least * node.min, most === 0 ? 0 : most * node.max];
    }
    case "group":
    case "atomic":
      return width(node.of, groups);
    case "reference": {
      const group = groups.get(node.index);
      return group === undefined ? [0, Number.POSITIVE_INFINITY] : width(group, groups);
    }
    default:
      return [0, 0];
  }
}
