/** Cells, columns and colors of a screen: text is measured before it is painted. */
import { plain } from "../../../shared/plain-text.ts";

type Painter = (text: string) => string;

export interface Paint {
  readonly bold: Painter;
  readonly dim: Painter;
  readonly good: Painter;
  readonly warn: Painter;
  readonly bad: Painter;
  readonly head: Painter;
}

export interface Cell {
  readonly text: string;
  readonly paint?: Painter;
}

export interface Spec<Row> {
  readonly header: string;
  readonly value: (row: Row, paint: Paint) => Cell;
  readonly right?: boolean;
  /** It may be cut down to this many characters; a column without this is shown whole or not at all. */
  readonly least?: number;
}

const csi = "\u001b[";

export function painter(color: boolean): Paint {
  const sgr = (code: string): Painter => (color ? (text) => `${csi}${code}m${text}${csi}0m` : (text) => text);
  return {
    bold: sgr("1"),
    dim: sgr("2"),
    good: sgr("32"),
    warn: sgr("33"),
    bad: sgr("1;31"),
    head: sgr("7"),
  };
}

const between = "  ";
const sequence = new RegExp(`${csi.replace("[", "\\[")}[0-9;]*m`, "y");

/** At most so many characters wide, colors not counted; what is cut ends in `…`. */
export function fitted(line: string, columns: number): string {
  let out = "";
  /** Without the last letter: what stays when that has to give way to the sign of a cut. */
  let before = "";
  let width = 0;
  for (let at = 0; at < line.length; ) {
    sequence.lastIndex = at;
    const painted = sequence.exec(line)?.[0];
    const letter = painted ?? String.fromCodePoint(line.codePointAt(at) ?? 0);
    at += letter.length;
    if (painted === undefined) {
      if (width === columns) return before.includes(csi) ? `${before}…${csi}0m` : `${before}…`;
      width++;
      before = out;
    }
    out += letter;
  }
  return out;
}

export interface TableOptions {
  readonly columns: number;
  readonly paint: Paint;
}

/** A head and the rows. Where it is too wide, columns that may be cut are; then the last ones go. */
export function table<Row>(
  specs: readonly Spec<Row>[],
  rows: readonly Row[],
  options: TableOptions,
): readonly string[] {
  const { columns, paint } = options;
  const cells = rows.map((row) =>
    specs.map(({ value }) => {
      const cell = value(row, paint);
      return { ...cell, text: plain(cell.text) };
    }),
  );
  const natural = specs.map(({ header }, i) =>
    Math.max(header.length, ...cells.map((row) => lengthOf(row[i]?.text ?? ""))),
  );
  const widths = widthsOf(specs, natural, columns);
  const shown = widths.length;
  const head = specs.slice(0, shown).map(({ header, right }, i) => padded(header, widths[i] ?? 0, right));
  const used = widths.reduce((sum, width) => sum + width, between.length * (shown - 1));
  return [
    paint.head(head.join(between) + " ".repeat(Math.max(0, Math.min(columns, 400) - used))),
    ...cells.map((row) =>
      row
        .slice(0, shown)
        .map(({ text, paint: color }, i) => {
          const whole = padded(text, widths[i] ?? 0, specs[i]?.right);
          return color === undefined ? whole : color(whole);
        })
        .join(between),
    ),
  ];
}

/** Of the columns that are shown. */
function widthsOf<Row>(
  specs: readonly Spec<Row>[],
  natural: readonly number[],
  columns: number,
): readonly number[] {
  for (let shown = specs.length; shown > 1; shown--) {
    const widths = natural.slice(0, shown);
    let over = widths.reduce((sum, width) => sum + width, between.length * (shown - 1)) - columns;
    while (over > 0) {
      const widest = specs
        .slice(0, shown)
        .map(({ least }, i) => ({ i, spare: least === undefined ? 0 : (widths[i] ?? 0) - least }))
        .filter(({ spare }) => spare > 0)
        .sort((a, b) => (widths[b.i] ?? 0) - (widths[a.i] ?? 0))[0];
      if (widest === undefined) break;
      widths[widest.i] = (widths[widest.i] ?? 0) - 1;
      over--;
    }
    if (over <= 0) return widths;
  }
  return [Math.min(natural[0] ?? 0, columns)];
}

const lengthOf = (text: string) => [...text].length;

function padded(text: string, width: number, right = false): string {
  const letters = [...text];
  if (letters.length > width) return `${letters.slice(0, Math.max(0, width - 1)).join("")}…`;
  const space = " ".repeat(width - letters.length);
  return right ? space + text : text + space;
}
