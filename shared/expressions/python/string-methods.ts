/** The methods of Python's `str` that a template may call. */

import { bind, type Named, withoutArguments } from "./arguments.ts";
import { formatBraces } from "./format-spec.ts";
import * as letters from "./letters.ts";
import { toInt } from "./numbers.ts";
import { codePoints, iterate, slice, textLength } from "./sequence.ts";
import { Dict, dictEntries, fail, isDict, isInt, roomFor, Tuple, typeName } from "./values.ts";

export type Method<T> = (self: T, args: readonly unknown[], named: Named) => unknown;
type Member = (value: unknown, key: unknown) => unknown;

function text(value: unknown, what: string): string {
  return typeof value === "string" ? value : fail(`${what} must be str, not ${typeName(value)}`);
}

function count(value: unknown, otherwise: number): number {
  if (value === undefined || value === null) return otherwise;
  return isInt(value) || typeof value === "boolean"
    ? Number(toInt(value))
    : fail(`'${typeName(value)}' object cannot be interpreted as an integer`);
}

function plain(name: string, method: (self: string) => unknown): [string, Method<string>] {
  return [name, (self, args, named) => withoutArguments(name, args, named, () => method(self))];
}

function stripper(name: string, side: "both" | "left" | "right"): [string, Method<string>] {
  return [
    name,
    (self, args, named) => {
      const [chars] = bind(name, ["chars"], args, named);
      const set = chars === undefined || chars === null ? undefined : new Set(text(chars, "chars"));
      return letters.strip(self, side, set);
    },
  ];
}

/** The part of `self` that `start` and `end` bound, and where it begins, in code points. */
function part(self: string, start: unknown, end: unknown): { piece: string; offset: number } {
  if ((start ?? null) === null && (end ?? null) === null) return { piece: self, offset: 0 };
  const size = textLength(self);
  const from = count(start, 0);
  return {
    piece: slice(self, { start: start ?? null, stop: end ?? null, step: null }) as string,
    offset: Math.min(from < 0 ? Math.max(0, from + size) : from, size),
  };
}

function finder(name: string, last: boolean, must: boolean): [string, Method<string>] {
  return [
    name,
    (self, args, named) => {
      const [sub, start, end] = bind(name, ["sub!", "start", "end"], args, named);
      const { piece, offset } = part(self, start, end);
      const wanted = text(sub, "argument");
      if (count(start, 0) > textLength(self)) return must ? fail("substring not found") : -1;
      const at = last ? piece.lastIndexOf(wanted) : piece.indexOf(wanted);
      if (at < 0) return must ? fail("substring not found") : -1;
      return offset + textLength(piece.slice(0, at));
    },
  ];
}

function affix(name: string, test: (piece: string, affix: string) => boolean): [string, Method<string>] {
  return [
    name,
    (self, args, named) => {
      const [wanted, start, end] = bind(name, ["prefix!", "start", "end"], args, named);
      const { piece } = part(self, start, end);
      const options = wanted instanceof Tuple ? wanted.items : [wanted];
      return options.some((option) =>
        test(
          piece,
          typeof option === "string"
            ? option
            : fail(`${name} first arg must be str or a tuple of str, not ${typeName(option)}`),
        ),
      );
    },
  ];
}

function justify(name: string, left: (missing: number, width: number) => number): [string, Method<string>] {
  return [
    name,
    (self, args, named) => {
      const [width, fill] = bind(name, ["width!", "fillchar"], args, named);
      return justified(
        self,
        count(width, 0),
        fill === undefined ? " " : text(fill, "The fill character"),
        left,
      );
    },
  ];
}

/** A text wider than this is refused. */
const MAX_WIDTH = 100_000;

export function justified(
  self: string,
  width: number,
  fill: string,
  left: (missing: number, width: number) => number,
): string {
  if (textLength(fill) !== 1) return fail("The fill character must be exactly one character long");
  if (width > MAX_WIDTH) return fail("the width is too large");
  const missing = width - textLength(self);
  if (missing <= 0) return self;
  const before = left(missing, width);
  return fill.repeat(before) + self + fill.repeat(missing - before);
}

/** CPython's centring puts the odd space on the left only when the width is odd too. */
export const centered = (missing: number, width: number): number =>
  Math.floor(missing / 2) + (missing & width & 1);

function splitAll(self: string, separator: string, limit: number): string[] {
  if (separator === "") return fail("empty separator");
  const parts = self.split(separator);
  if (limit < 0 || parts.length <= limit + 1) return parts;
  return [...parts.slice(0, limit), parts.slice(limit).join(separator)];
}

function splitWords(self: string, limit: number): string[] {
  const all = letters.words(self);
  if (limit < 0 || all.length <= limit + 1) return all;
  let rest = letters.strip(self, "left");
  const head = all.slice(0, limit);
  for (const word of head) rest = letters.strip(rest.slice(word.length), "left");
  return [...head, rest];
}

function splitFromRight(self: string, separator: unknown, limit: number): string[] {
  const parts =
    separator === undefined || separator === null
      ? letters.words(self)
      : splitAll(self, text(separator, "sep"), -1);
  if (limit < 0 || parts.length <= limit + 1) return parts;
  const tail = limit === 0 ? [] : parts.slice(-limit);
  if (typeof separator === "string") {
    return [parts.slice(0, parts.length - limit).join(separator), ...tail];
  }
  let rest = letters.strip(self, "right");
  for (const word of tail.toReversed())
    rest = letters.strip(rest.slice(0, rest.length - word.length), "right");
  return [rest, ...tail];
}

function partition(self: string, separator: unknown, last: boolean): Tuple {
  const wanted = text(separator, "sep");
  if (wanted === "") return fail("empty separator");
  const at = last ? self.lastIndexOf(wanted) : self.indexOf(wanted);
  if (at < 0) return new Tuple(last ? ["", "", self] : [self, "", ""]);
  return new Tuple([self.slice(0, at), wanted, self.slice(at + wanted.length)]);
}

export function replaceText(self: string, old: string, fresh: string, limit: number): string {
  roomFor(self.length + (self.split(old).length + 1) * fresh.length);
  if (limit < 0) return self.replaceAll(old, () => fresh);
  const parts = old === "" ? ["", ...codePoints(self), ""] : self.split(old);
  const kept = parts.slice(0, limit + 1).join(fresh);
  return limit + 1 < parts.length ? kept + old + parts.slice(limit + 1).join(old) : kept;
}

export function joinTexts(self: string, items: readonly unknown[]): string {
  roomFor(self.length * items.length);
  return items
    .map((item, i) =>
      typeof item === "string"
        ? item
        : fail(`sequence item ${i}: expected str instance, ${typeName(item)} found`),
    )
    .join(self);
}

function expandTabs(self: string, size: number): string {
  let column = 0;
  let out = "";
  for (const letter of self) {
    if (letter === "\t") {
      const spaces = size > 0 ? size - (column % size) : 0;
      out += " ".repeat(spaces);
      column += spaces;
    } else {
      out += letter;
      column = letter === "\n" || letter === "\r" ? 0 : column + 1;
    }
  }
  return out;
}

function every(test: RegExp): (self: string) => boolean {
  return (self) => self !== "" && Array.from(self).every((letter) => test.test(letter));
}

/** `member` reads an item of a value, as `"{0[key]}"` does. */
export function stringMethods(member: Member): ReadonlyMap<string, Method<string>> {
  return new Map<string, Method<string>>([
    plain("capitalize", letters.capitalize),
    plain("casefold", (self) => self.replaceAll("ß", "ss").replaceAll("ẞ", "ss").toLowerCase()),
    plain("lower", (self) => self.toLowerCase()),
    plain("upper", (self) => self.toUpperCase()),
    plain("title", letters.title),
    plain("swapcase", letters.swapCase),
    plain("isalnum", (self) => letters.ALNUM.test(self)),
    plain("isalpha", every(/\p{L}/u)),
    plain("isascii", (self) => !/[^\0-\x7f]/.test(self)),
    plain("isdecimal", every(/\p{Nd}/u)),
    plain("isdigit", every(new RegExp(`\\p{Nd}|${letters.DIGIT_LIKE.source}`, "u"))),
    plain("isnumeric", every(/\p{N}/u)),
    plain("isidentifier", (self) => /^[\p{ID_Start}_]\p{ID_Continue}*$/u.test(self)),
    plain("islower", letters.isLower),
    plain("isupper", letters.isUpper),
    plain("istitle", letters.isTitle),
    plain("isspace", every(new RegExp(`[${letters.SPACE_CLASS}]`))),
    plain("isprintable", (self) => !/[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u.test(self)),
    stripper("strip", "both"),
    stripper("lstrip", "left"),
    stripper("rstrip", "right"),
    finder("find", false, false),
    finder("index", false, true),
    finder("rfind", true, false),
    finder("rindex", true, true),
    affix("startswith", (piece, prefix) => piece.startsWith(prefix)),
    affix("endswith", (piece, suffix) => piece.endsWith(suffix)),
    justify("ljust", () => 0),
    justify("rjust", (missing) => missing),
    justify("center", centered),
    [
      "count",
      (self, args, named) => {
        const [sub, start, end] = bind("count", ["sub!", "start", "end"], args, named);
        const { piece } = part(self, start, end);
        const wanted = text(sub, "argument");
        return wanted === "" ? textLength(piece) + 1 : piece.split(wanted).length - 1;
      },
    ],
    [
      "split",
      (self, args, named) => {
        const [sep, max] = bind("split", ["sep", "maxsplit"], args, named);
        const limit = count(max, -1);
        return sep === undefined || sep === null
          ? splitWords(self, limit)
          : splitAll(self, text(sep, "sep"), limit);
      },
    ],
    [
      "rsplit",
      (self, args, named) => {
        const [sep, max] = bind("rsplit", ["sep", "maxsplit"], args, named);
        return splitFromRight(self, sep, count(max, -1));
      },
    ],
    [
      "splitlines",
      (self, args, named) =>
        letters.splitLines(self, Boolean(bind("splitlines", ["keepends"], args, named)[0])),
    ],
    ["partition", (self, args, named) => partition(self, bind("partition", ["sep!"], args, named)[0], false)],
    [
      "rpartition",
      (self, args, named) => partition(self, bind("rpartition", ["sep!"], args, named)[0], true),
    ],
    [
      "replace",
      (self, args, named) => {
        const [old, fresh, max] = bind("replace", ["old!", "new!", "count"], args, named);
        return replaceText(
          self,
          text(old, "replace() argument 1"),
          text(fresh, "replace() argument 2"),
          count(max, -1),
        );
      },
    ],
    [
      "removeprefix",
      (self, args, named) => {
        const prefix = text(bind("removeprefix", ["prefix!"], args, named)[0], "removeprefix() argument");
        return self.startsWith(prefix) ? self.slice(prefix.length) : self;
      },
    ],
    [
      "removesuffix",
      (self, args, named) => {
        const suffix = text(bind("removesuffix", ["suffix!"], args, named)[0], "removesuffix() argument");
        return suffix !== "" && self.endsWith(suffix) ? self.slice(0, -suffix.length) : self;
      },
    ],
    ["join", (self, args, named) => joinTexts(self, iterate(bind("join", ["iterable!"], args, named)[0]))],
    [
      "zfill",
      (self, args, named) => {
        const width = count(bind("zfill", ["width!"], args, named)[0], 0);
        const sign = /^[+-]/.test(self) ? self.charAt(0) : "";
        return sign + justified(self.slice(sign.length), width - sign.length, "0", (missing) => missing);
      },
    ],
    [
      "expandtabs",
      (self, args, named) => expandTabs(self, count(bind("expandtabs", ["tabsize"], args, named)[0], 8)),
    ],
    ["format", (self, args, named) => formatBraces(self, args, named, member)],
    [
      "format_map",
      (self, args, named) => {
        const [mapping] = bind("format_map", ["mapping!"], args, named);
        if (!isDict(mapping) && !(mapping instanceof Dict)) return fail("format_map() needs a mapping");
        return formatBraces(
          self,
          [],
          new Map(dictEntries(mapping).map(([key, value]) => [String(key), value])),
          member,
        );
      },
    ],
  ]);
}
