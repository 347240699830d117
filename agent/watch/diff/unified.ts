/** The lines in which two texts differ, in the format of diff -u. Pure. */

/** A run of equal lines, or of lines that are in one text only. `at`: first line in each text, from 0. */
export interface Run {
  readonly kind: "same" | "gone" | "new";
  readonly before: number;
  readonly after: number;
  readonly count: number;
}

/** Steps after which what is left is told as replaced: no file takes longer than some ten milliseconds. */
const mostSteps = 2_000_000;
/** Changed lines beyond which the shortest way is not looked for: memory grows with their square. */
const mostChanges = 600;

/** The shortest sequence of changes (Myers, 1986), or, where that takes too long, everything between equal ends replaced. */
export function runsBetween(before: readonly string[], after: readonly string[]): readonly Run[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let end = 0;
  const most = Math.min(before.length, after.length) - start;
  while (end < most && before[before.length - 1 - end] === after[after.length - 1 - end]) end++;
  const a = before.slice(start, before.length - end);
  const b = after.slice(start, after.length - end);
  const runs = new Runs();
  runs.add("same", start);
  const path = shortest(a, b);
  if (path === null) {
    runs.add("gone", a.length);
    runs.add("new", b.length);
  } else for (const kind of path) runs.add(kind, 1);
  runs.add("same", end);
  return runs.all;
}

class Runs {
  readonly all: Run[] = [];
  #before = 0;
  #after = 0;

  add(kind: Run["kind"], count: number): void {
    if (count === 0) return;
    const last = this.all.at(-1);
    if (last?.kind === kind) this.all[this.all.length - 1] = { ...last, count: last.count + count };
    else this.all.push({ kind, before: this.#before, after: this.#after, count });
    if (kind !== "new") this.#before += count;
    if (kind !== "gone") this.#after += count;
  }
}

function shortest(a: readonly string[], b: readonly string[]): readonly Run["kind"][] | null {
  const most = a.length + b.length;
  const furthest = new Int32Array(2 * Math.min(most, mostChanges) + 3);
  const middle = Math.min(most, mostChanges) + 1;
  const trace: Int32Array[] = [];
  let steps = 0;
  for (let d = 0; d <= most; d++) {
    if (d > mostChanges) return null;
    trace.push(furthest.slice(middle - d - 1, middle + d + 2));
    for (let k = -d; k <= d; k += 2) {
      const isDown =
        k === -d || (k !== d && valueAt(furthest, middle + k - 1) < valueAt(furthest, middle + k + 1));
      let x = isDown ? valueAt(furthest, middle + k + 1) : valueAt(furthest, middle + k - 1) + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) {
        x++;
        steps++;
      }
      if (++steps > mostSteps) return null;
      furthest[middle + k] = x;
      if (x >= a.length && x - k >= b.length) return backwards(trace, a.length, b.length);
    }
  }
  return null;
}

function backwards(trace: readonly Int32Array[], aLength: number, bLength: number): readonly Run["kind"][] {
  const path: Run["kind"][] = [];
  let [x, y] = [aLength, bLength];
  for (let d = trace.length - 1; d >= 0; d--) {
    const row = trace[d] ?? new Int32Array();
    const at = (k: number) => valueAt(row, k + d + 1);
    const k = x - y;
    const isDown = k === -d || (k !== d && at(k - 1) < at(k + 1));
    const fromK = isDown ? k + 1 : k - 1;
    const fromX = d === 0 ? 0 : at(fromK);
    const fromY = d === 0 ? 0 : fromX - fromK;
    while (x > fromX && y > fromY) {
      path.push("same");
      x--;
      y--;
    }
    if (d > 0) path.push(isDown ? "new" : "gone");
    [x, y] = [fromX, fromY];
  }
  return path.reverse();
}

function valueAt(array: Int32Array, at: number): number {
  return array[at] ?? 0;
}

export interface UnifiedOptions {
  /** Lines of the two texts, each with its line break if it has one. */
  readonly before: readonly string[];
  readonly after: readonly string[];
  /** Behind `---` and `+++`. */
  readonly names: readonly [string, string];
  /** What is printed for a line of either text. */
  readonly shown: (side: "before" | "after", line: number) => string;
  /** Bytes of the result as UTF-8. */
  readonly maxBytes: number;
}

const context = 3;

/** `isTruncated`: it ends at the line before the one that did not fit. The text is empty when nothing differs. */
export function unifiedDiff(options: UnifiedOptions): {
  readonly text: string;
  readonly isTruncated: boolean;
} {
  const { before, after, names, shown, maxBytes } = options;
  const hunks = hunksOf(runsBetween(before, after));
  let text = "";
  let size = 0;
  const add = (line: string): boolean => {
    size += Buffer.byteLength(line) + 1;
    if (size > maxBytes) return false;
    text += `${line}\n`;
    return true;
  };
  const addLine = (sign: string, side: "before" | "after", at: number): boolean => {
    const lines = side === "before" ? before : after;
    const isEnded = lines[at]?.endsWith("\n") === true;
    return add(sign + shown(side, at)) && (isEnded || add("\\ No newline at end of file"));
  };
  if (hunks.length === 0) return { text, isTruncated: false };
  if (!add(`--- ${names[0]}`) || !add(`+++ ${names[1]}`)) return { text, isTruncated: true };
  for (const hunk of hunks) {
    if (!add(headOf(hunk))) return { text, isTruncated: true };
    for (const { kind, before: b, after: a, count } of hunk) {
      for (let n = 0; n < count; n++) {
        const fits =
          kind === "new"
            ? addLine("+", "after", a + n)
            : addLine(kind === "gone" ? "-" : " ", "before", b + n);
        if (!fits) return { text, isTruncated: true };
      }
    }
  }
  return { text, isTruncated: false };
}

/** Changes with the lines around them; those that would touch are one. */
function hunksOf(runs: readonly Run[]): readonly (readonly Run[])[] {
  const hunks: Run[][] = [];
  let open: Run[] = [];
  const close = () => {
    if (open.some(({ kind }) => kind !== "same")) hunks.push(open);
    open = [];
  };
  for (const [n, run] of runs.entries()) {
    if (run.kind !== "same") {
      open.push(run);
      continue;
    }
    const isLast = n === runs.length - 1;
    if (n > 0 && !isLast && run.count <= 2 * context) {
      open.push(run);
      continue;
    }
    if (n > 0) open.push({ ...run, count: Math.min(context, run.count) });
    close();
    if (!isLast) {
      const skipped = Math.max(0, run.count - context);
      const count = run.count - skipped;
      open = [{ kind: "same", before: run.before + skipped, after: run.after + skipped, count }];
    }
  }
  close();
  return hunks;
}

function headOf(hunk: readonly Run[]): string {
  const count = (other: Run["kind"]) =>
    hunk.reduce((sum, run) => (run.kind === other ? sum : sum + run.count), 0);
  const [first] = hunk;
  return `@@ -${rangeOf(first?.before ?? 0, count("new"))} +${rangeOf(first?.after ?? 0, count("gone"))} @@`;
}

/** An empty range is named by the line before it, as diff(1) does. */
function rangeOf(start: number, count: number): string {
  const from = count === 0 ? start : start + 1;
  return count === 1 ? `${from}` : `${from},${count}`;
}
