/** Jinja2's filters for text. Petrel renders plain text: escaping filters give text, nothing is escaped on its own. */
import type { Filter } from "../filter-table.ts";
import { bind, type Named, withoutArguments } from "../python/arguments.ts";
import { truth } from "../python/compare.ts";
import { dumpJson } from "../python/json-text.ts";
import * as letters from "../python/letters.ts";
import { toInt } from "../python/numbers.ts";
import { formatPercent } from "../python/percent-format.ts";
import { iterate, slice, textLength } from "../python/sequence.ts";
import { centered, justified, replaceText } from "../python/string-methods.ts";
import { str } from "../python/text.ts";
import { Dict, defined, dictEntries, fail, isDict, roomFor, Tuple, typeName } from "../python/values.ts";
import type { Run } from "../run.ts";
import { wrapText } from "./wrap-text.ts";

function simple(name: string, change: (text: string) => string): [string, Filter] {
  return [name, (_run, input, args, named) => withoutArguments(name, args, named, () => change(str(input)))];
}

function text(value: unknown): string {
  return typeof value === "string" ? value : fail(`'${typeName(defined(value))}' object is not text`);
}

function indent(_run: Run, input: unknown, args: readonly unknown[], named: Named): unknown {
  const [width, first, blank] = bind("indent", ["width", "first", "blank"], args, named);
  const by = typeof width === "string" ? width : " ".repeat(Math.max(0, Number(toInt(width ?? 4))));
  const lines = letters.splitLines(`${text(input)}\n`);
  roomFor(by.length * lines.length);
  const [head = "", ...rest] = lines;
  const body = truth(blank ?? false)
    ? lines.join(`\n${by}`)
    : [head, ...rest.map((line) => (line === "" ? line : by + line))].join("\n");
  return truth(first ?? false) ? by + body : body;
}

function truncate(_run: Run, input: unknown, args: readonly unknown[], named: Named): unknown {
  const [lengthGiven, killWords, endGiven, leewayGiven] = bind(
    "truncate",
    ["length", "killwords", "end", "leeway"],
    args,
    named,
  );
  const whole = text(input);
  const size = Number(toInt(lengthGiven ?? 255));
  const end = text(endGiven ?? "...");
  const leeway = Number(toInt(leewayGiven ?? 5));
  if (size < textLength(end)) return fail(`expected length >= ${textLength(end)}, got ${size}`);
  if (leeway < 0) return fail(`expected leeway >= 0, got ${leeway}`);
  if (textLength(whole) <= size + leeway) return whole;
  const cut = slice(whole, { start: null, stop: size - textLength(end), step: null }) as string;
  if (truth(killWords ?? false)) return cut + end;
  const space = cut.lastIndexOf(" ");
  return (space < 0 ? cut : cut.slice(0, space)) + end;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&#34;",
  "'": "&#39;",
};

function escapeHtml(value: string): string {
  return value.replace(/[&<>"']/g, (letter) => ENTITIES[letter] ?? letter);
}

/** `urllib.parse.quote`: everything but letters, digits and `_.-~/` as UTF-8 percent escapes. */
function quoteUrl(value: unknown, query: boolean): string {
  const quoted = encodeURIComponent(str(value).toWellFormed()).replace(
    /[!'()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return query ? quoted.replaceAll("%20", "+") : quoted.replaceAll("%2F", "/");
}

function urlEncode(_run: Run, input: unknown): unknown {
  defined(input);
  if (typeof input === "string" || (!isDict(input) && !Array.isArray(input) && !(input instanceof Tuple))) {
    return quoteUrl(input, false);
  }
  const pairs = isDict(input)
    ? dictEntries(input)
    : iterate(input).map((pair) => iterate(pair) as [unknown, unknown]);
  return pairs.map(([key, value]) => `${quoteUrl(key, true)}=${quoteUrl(value, true)}`).join("&");
}

/** JSON that is safe inside HTML, with sorted keys, as Jinja2 writes it. */
function toJson(_run: Run, input: unknown, args: readonly unknown[], named: Named): unknown {
  const [width] = bind("tojson", ["indent"], args, named);
  const options = width === undefined || width === null ? {} : { indent: Number(toInt(width)) };
  return dumpJson(input, { ...options, sortKeys: true })
    .replaceAll("<", "\\u003c")
    .replaceAll(">", "\\u003e")
    .replaceAll("&", "\\u0026")
    .replaceAll("'", "\\u0027");
}

function title(value: string): string {
  return value
    .split(TITLE_BREAK)
    .map((word) => {
      const [first = "", ...rest] = word;
      return first.toUpperCase() + rest.join("").toLowerCase();
    })
    .join("");
}
const TITLE_BREAK = new RegExp(`([-({\\[<${letters.SPACE_CLASS}]+)`);

export const textFilters: readonly (readonly [string, Filter])[] = [
  simple("upper", (value) => value.toUpperCase()),
  simple("lower", (value) => value.toLowerCase()),
  simple("capitalize", letters.capitalize),
  simple("title", title),
  simple("string", (value) => value),
  simple("escape", escapeHtml),
  simple("e", escapeHtml),
  simple("forceescape", escapeHtml),
  ["safe", (_run, input) => str(input)],
  simple("striptags", (value) => letters.words(value.replace(/<!--.*?-->|<[^>]*>/gs, "")).join(" ")),
  [
    "center",
    (_run, input, args, named) => {
      const [width] = bind("center", ["width"], args, named);
      return justified(str(input), Number(toInt(width ?? 80)), " ", centered);
    },
  ],
  [
    "trim",
    (_run, input, args, named) => {
      const [chars] = bind("trim", ["chars"], args, named);
      return letters.strip(
        str(input),
        "both",
        chars === undefined || chars === null ? undefined : new Set(text(chars)),
      );
    },
  ],
  [
    "replace",
    (_run, input, args, named) => {
      const [old, fresh, count] = bind("replace", ["old!", "new!", "count"], args, named);
      return replaceText(
        str(input),
        str(old),
        str(fresh),
        count === undefined || count === null ? -1 : Number(toInt(count)),
      );
    },
  ],
  ["indent", indent],
  ["truncate", truncate],
  [
    "wordwrap",
    (_run, input, args, named) => {
      const [width, long, between, hyphens] = bind(
        "wordwrap",
        ["width", "break_long_words", "wrapstring", "break_on_hyphens"],
        args,
        named,
      );
      const newline = between === undefined || between === null ? "\n" : text(between);
      return letters
        .splitLines(text(input))
        .map((line) =>
          wrapText(line, Number(toInt(width ?? 79)), truth(long ?? true), truth(hyphens ?? true)).join(
            newline,
          ),
        )
        .join(newline);
    },
  ],
  ["wordcount", (_run, input) => (str(input).match(/[\p{L}\p{N}_]+/gu) ?? []).length],
  [
    "format",
    (_run, input, args, named) => {
      if (args.length > 0 && named.size > 0)
        return fail("can't handle positional and keyword arguments at the same time");
      return formatPercent(str(input), named.size > 0 ? Dict.of(named) : new Tuple(args));
    },
  ],
  ["urlencode", urlEncode],
  ["tojson", toJson],
];
