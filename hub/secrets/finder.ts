/** Finds many texts in another one in a single pass (Aho and Corasick, 1975). Pure. */

/** First and last + 1 of UTF-16 units. */
export type Span = readonly [from: number, to: number];

const units = 65_536;

interface Node {
  /** The last of its text. */
  readonly unit: number;
  /** Where the longest text ends that this one ends with as well, and that is not the whole of it. */
  fail: number;
  /** Units of the longest that is sought and ends here; 0: none. */
  longest: number;
}

/**
 * Answers where any of `texts` stands, in order; finds that overlap or touch are one. Takes time for the units of `texts` once, and
 * for those of what is searched; memory for the former. None of `texts` is empty.
 */
export function finder(texts: readonly string[]): (text: string) => readonly Span[] {
  // Node 0 is the beginning. A step is known by node and unit.
  const steps = new Map<number, number>();
  const begins = new Set<number>();
  const nodes: Node[] = [{ unit: 0, fail: 0, longest: 0 }];
  for (const text of texts) {
    let node = 0;
    for (let at = 0; at < text.length; at++) {
      const unit = text.charCodeAt(at);
      if (at === 0) begins.add(unit);
      const key = node * units + unit;
      const known = steps.get(key);
      if (known === undefined) steps.set(key, nodes.length);
      const next = known ?? nodes.push({ unit, fail: 0, longest: 0 }) - 1;
      node = next;
    }
    const last = nodes[node];
    if (last !== undefined) last.longest = text.length;
  }
  const step = (from: number, unit: number): number => {
    let node = from;
    for (;;) {
      const next = steps.get(node * units + unit);
      if (next !== undefined) return next;
      if (node === 0) return 0;
      node = nodes[node]?.fail ?? 0;
    }
  };
  linkAll(nodes, steps, step);
  return (text) => {
    const found: [number, number][] = [];
    let node = 0;
    for (let at = 0; at < text.length; at++) {
      const unit = text.charCodeAt(at);
      if (node === 0 && !begins.has(unit)) continue;
      node = step(node, unit);
      const length = nodes[node]?.longest ?? 0;
      if (length === 0) continue;
      let from = at + 1 - length;
      for (let last = found.at(-1); last !== undefined && last[1] >= from; last = found.at(-1)) {
        from = Math.min(from, last[0]);
        found.pop();
      }
      found.push([from, at + 1]);
    }
    return found;
  };
}

/** Nearest to the beginning first: where a node goes on when its text ends is nearer than itself. */
function linkAll(
  nodes: readonly Node[],
  steps: ReadonlyMap<number, number>,
  step: (from: number, unit: number) => number,
): void {
  const inner = new Map<number, number[]>();
  for (const [key, to] of steps) {
    const from = Math.floor(key / units);
    const known = inner.get(from);
    if (known === undefined) inner.set(from, [to]);
    else known.push(to);
  }
  const queue = [0];
  for (let at = 0; at < queue.length; at++) {
    const from = queue[at] ?? 0;
    for (const to of inner.get(from) ?? []) {
      queue.push(to);
      const node = nodes[to];
      if (node === undefined) continue;
      if (from !== 0) node.fail = step(nodes[from]?.fail ?? 0, node.unit);
      if (node.longest === 0) node.longest = nodes[node.fail]?.longest ?? 0;
    }
  }
}
