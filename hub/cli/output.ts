/** One row model as a table for people, or as JSON for programs. */
import { plain, plainLines } from "../../shared/plain-text.ts";

export interface Column<Row> {
  readonly header: string;
  readonly value: (row: Row, nowMs: number) => string | number | boolean | null | undefined;
  /** It may be cut when the terminal is narrow. Columns without this are always whole. */
  readonly cut?: boolean;
}

export interface TableOptions {
  /** Characters; `undefined`: no terminal, nothing is cut. */
  readonly columns: number | undefined;
  readonly nowMs: number;
}

/** The least a cut column keeps. */
const narrowest = 8;
const between = "  ";

export function toJson(value: unknown): string {
  return `${plainLines(JSON.stringify(value, null, 2))}\n`;
}

function cell(value: string | number | boolean | null | undefined): string {
  if (value === null || value === undefined || value === "") return "-";
  return plain(String(value));
}

/** Widths that fit: the widest column that may be cut gives way first. */
function shrunk(natural: readonly number[], mayCut: readonly boolean[], room: number): number[] {
  const widths = [...natural];
  const used = () => widths.reduce((sum, width) => sum + width, between.length * (widths.length - 1));
  for (let over = used() - room; over > 0; over--) {
    let widest = -1;
    for (const [i, width] of widths.entries()) {
      if (mayCut[i] && width > narrowest && width > (widths[widest] ?? 0)) widest = i;
    }
    if (widest < 0) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return widths;
}

function padded(text: string, width: number): string {
  const letters = [...text];
  if (letters.length > width) return `${letters.slice(0, width - 1).join("")}…`;
  return text + " ".repeat(width - letters.length);
}

/** Header and rows, each with its line end; a sentence when there are no rows. */
export function toTable<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  options: TableOptions,
): string {
  if (rows.length === 0) return "none\n";
  const texts = [
    columns.map(({ header }) => header),
    ...rows.map((row) => columns.map(({ value }) => cell(value(row, options.nowMs)))),
  ];
  const natural = columns.map((_, i) => Math.max(...texts.map((line) => [...(line[i] ?? "")].length)));
  const room = options.columns ?? Number.POSITIVE_INFINITY;
  const widths = shrunk(
    natural,
    columns.map(({ cut }) => cut === true),
    room,
  );
  return texts
    .map(
      (line) =>
        `${line
          .map((text, i) => padded(text, widths[i] ?? 0))
          .join(between)
          .trimEnd()}\n`,
    )
    .join("");
}
