/** Runs a slow pattern with JavaScript's own engine. Only for a worker that can be killed. */
import type { RegexMatch, RegexRequest } from "./answer.ts";

/** More matches than this are cut: nobody asked for a million. */
const MAX_MATCHES = 100_000;

/** May take exponential time. */
export function runNative(request: RegexRequest): readonly RegexMatch[] {
  const engine = new RegExp(request.source, request.flags);
  const matches: RegexMatch[] = [];
  for (;;) {
    const found = engine.exec(request.text);
    if (found === null) return matches;
    matches.push({
      start: found.index,
      end: found.index + found[0].length,
      groups: groupsOf(found),
    });
    if (!request.all || matches.length >= MAX_MATCHES) return matches;
    if (found[0] === "") engine.lastIndex = next(request.text, engine.lastIndex);
  }
}

function next(text: string, index: number): number {
  return index + ((text.codePointAt(index) ?? 0) > 0xffff ? 2 : 1);
}

/** Python's groups are named g1, g2 …; the translation's own groups are left out. */
function groupsOf(found: RegExpExecArray): readonly (readonly [number, number])[] {
  const groups: (readonly [number, number])[] = [];
  for (const [name, range] of Object.entries(found.indices?.groups ?? {})) {
    if (name.startsWith("g")) groups[Number(name.slice(1)) - 1] = range ?? [-1, -1];
  }
  return groups;
}
