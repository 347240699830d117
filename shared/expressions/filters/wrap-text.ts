/** Wraps a line at a width, as Python's `textwrap.wrap` does. */
import { codePoints, textLength } from "../python/sequence.ts";
import { fail } from "../python/values.ts";

const PUNCTUATION = String.raw`[\p{L}\p{N}_!"'&.,?]`;
const LETTER = String.raw`[[\p{L}\p{N}_]--\p{Nd}]`;
const SPACE = String.raw`[\t\n\v\f\r ]`;
/** Pieces between which a line may break: space, dashes, words, and parts of hyphenated words. */
const PIECES = new RegExp(
  `${SPACE}+|(?<=${PUNCTUATION})-{2,}(?=[\\p{L}\\p{N}_])|[^\\t\\n\\v\\f\\r ]+?(?:-(?:(?<=${LETTER}{2}-)|(?<=${LETTER}-${PUNCTUATION}-))(?=${LETTER}-?${LETTER})|(?=${SPACE}|$)|(?<=${PUNCTUATION})(?=-{2,}[\\p{L}\\p{N}_]))`,
  "gv",
);
const WORDS = new RegExp(`${SPACE}+|[^\\t\\n\\v\\f\\r ]+`, "gv");

export function wrapText(
  text: string,
  width: number,
  breakLongWords: boolean,
  breakOnHyphens: boolean,
): string[] {
  if (width <= 0) return fail(`invalid width ${width} (must be > 0)`);
  const pieces = (text.match(breakOnHyphens ? PIECES : WORDS) ?? []).toReversed();
  const lines: string[] = [];
  while (pieces.length > 0) {
    if (lines.length > 0 && pieces.at(-1)?.trim() === "") pieces.pop();
    const line: string[] = [];
    let size = 0;
    for (;;) {
      const piece = pieces.at(-1);
      if (piece === undefined || size + textLength(piece) > width) break;
      line.push(piece);
      size += textLength(piece);
      pieces.pop();
    }
    const next = pieces.at(-1);
    if (next !== undefined && textLength(next) > width)
      size = breakPiece(pieces, line, width, size, breakLongWords, breakOnHyphens);
    if (line.at(-1)?.trim() === "") line.pop();
    if (line.length > 0) lines.push(line.join(""));
  }
  return lines;
}

/** Puts as much of an overlong piece on the line as fits, or all of it on a line of its own. */
function breakPiece(
  pieces: string[],
  line: string[],
  width: number,
  size: number,
  cut: boolean,
  hyphens: boolean,
): number {
  const piece = pieces.pop() ?? "";
  if (!cut) {
    if (line.length === 0) line.push(piece);
    else pieces.push(piece);
    return size;
  }
  const points = codePoints(piece);
  let room = Math.max(1, width - size);
  if (hyphens) {
    const hyphen = points.slice(0, room).lastIndexOf("-");
    if (hyphen > 0 && points.slice(0, hyphen).some((point) => point !== "-")) room = hyphen + 1;
  }
  line.push(points.slice(0, room).join(""));
  pieces.push(points.slice(room).join(""));
  return size;
}
