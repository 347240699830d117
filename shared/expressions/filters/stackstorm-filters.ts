/** StackStorm's own filters (st2 docs, Jinja: Custom Jinja Filters). */
import { PetrelError } from "../../errors.ts";
import { unsealed } from "../datastore-lookup.ts";
import type { Filter } from "../filter-table.ts";
import { findValues } from "../jsonpath.ts";
import { bind } from "../python/arguments.ts";
import { truth } from "../python/compare.ts";
import { dumpJson, parseJson } from "../python/json-text.ts";
import { toInt } from "../python/numbers.ts";
import { str } from "../python/text.ts";
import { defined, fail, isInt, Tuple, typeName } from "../python/values.ts";
import { compilePattern } from "../regex/pattern.ts";
import { substitute } from "../regex/substitute.ts";
import { humanTime } from "./human-time.ts";
import * as version from "./version.ts";
import { parseYaml, writeYaml } from "./yaml-text.ts";

/** The text that stands for null on the way through a template; casting turns it back. */
export const NONE_TEXT = "%*****__%NONE%__*****%";

function text(value: unknown): string {
  return typeof value === "string" ? value : fail(`expected a text, got ${typeName(defined(value))}`);
}

/** A filter with the parameters `names`; their values come in order. */
function filter(
  name: string,
  names: readonly string[],
  apply: (input: unknown, args: readonly unknown[], run: Parameters<Filter>[0]) => unknown,
): [string, Filter] {
  return [name, (run, input, args, named) => apply(defined(input), bind(name, names, args, named), run)];
}

function pattern(source: unknown, ignoreCase: unknown) {
  return compilePattern(text(source), { ignoreCase: truth(ignoreCase ?? false) });
}

function versions(name: string, decide: (order: number) => unknown): [string, Filter] {
  return filter(name, ["pattern!"], (input, [other]) => decide(version.compare(text(input), text(other))));
}

export const stackstormFilters: readonly (readonly [string, Filter])[] = [
  filter("from_json_string", [], (input) => {
    try {
      return parseJson(str(input));
    } catch (error) {
      return fail(error instanceof Error ? error.message : "no JSON");
    }
  }),
  filter("from_yaml_string", [], (input) => parseYaml(str(input))),
  filter("to_json_string", ["indent", "sort_keys", "separators"], (input, [indent, sortKeys, separators]) => {
    const [item, key] =
      separators instanceof Tuple || Array.isArray(separators)
        ? [...("items" in separators ? separators.items : separators)]
        : [",", ": "];
    return dumpJson(input, {
      indent:
        indent === undefined || indent === null
          ? null
          : typeof indent === "string"
            ? indent
            : Number(toInt(indent)),
      sortKeys: truth(sortKeys ?? false),
      itemSeparator: text(item),
      keySeparator: text(key),
    });
  }),
  filter("to_yaml_string", ["indent", "allow_unicode"], (input, [indent, allowUnicode]) =>
    writeYaml(input, isInt(indent) ? Number(indent) : 2, truth(allowUnicode ?? true)),
  ),
  filter("to_complex", [], (input) => dumpJson(input)),
  filter("json_escape", [], (input) => dumpJson(input).replace(/^"+|"+$/g, "")),
  filter("jsonpath_query", ["query!"], (input, [query]) => {
    const found = findValues(text(query), input);
    return found.length === 0 ? null : found;
  }),
  filter("regex_match", ["pattern!", "ignorecase"], (input, [source, ignoreCase], run) =>
    pattern(source, ignoreCase).test(str(input), true, run.regex),
  ),
  filter("regex_search", ["pattern!", "ignorecase"], (input, [source, ignoreCase], run) =>
    pattern(source, ignoreCase).test(str(input), false, run.regex),
  ),
  filter(
    "regex_replace",
    ["pattern!", "replacement!", "ignorecase"],
    (input, [source, replacement, ignoreCase], run) =>
      substitute(pattern(source, ignoreCase), text(replacement), str(input), run.regex),
  ),
  filter(
    "regex_substring",
    ["pattern!", "result_index", "ignorecase"],
    (input, [source, index, ignoreCase], run) => {
      const subject = str(input);
      const engine = pattern(source, ignoreCase);
      const found = engine.all(subject, run.regex);
      const at = Number(toInt(index ?? 0));
      const match = found.at(at);
      if (match === undefined || at < -found.length) return fail("list index out of range");
      const groups = match.groups.map(([start, end]) => (start < 0 ? "" : subject.slice(start, end)));
      if (engine.tree.groupCount === 0) return subject.slice(match.start, match.end);
      return engine.tree.groupCount === 1 ? (groups[0] ?? "") : new Tuple(groups);
    },
  ),
  filter("to_human_time_from_seconds", [], (input) => humanTime(input)),
  versions("version_compare", (order) => order),
  versions("version_more_than", (order) => order === 1),
  versions("version_less_than", (order) => order === -1),
  versions("version_equal", (order) => order === 0),
  filter("version_match", ["pattern!"], (input, [expression]) =>
    version.matches(text(input), text(expression)),
  ),
  filter("version_bump_major", [], (input) => version.bump(text(input), "major")),
  filter("version_bump_minor", [], (input) => version.bump(text(input), "minor")),
  filter("version_bump_patch", [], (input) => version.bump(text(input), "patch")),
  filter("version_strip_patch", [], (input) => version.stripPatch(text(input))),
  ["use_none", (_run, input) => input ?? NONE_TEXT],
  filter("decrypt_kv", [], (input, _args, { context }) => {
    const sealed = text(input);
    if (sealed !== "") return unsealed(context, sealed);
    throw new PetrelError("KEY_UNREADABLE", "there is nothing to decrypt: no such key");
  }),
  filter("basename", [], (input) => text(input).slice(text(input).lastIndexOf("/") + 1)),
  filter("dirname", [], (input) => {
    const head = text(input).slice(0, text(input).lastIndexOf("/") + 1);
    return /^\/*$/.test(head) ? head : head.replace(/\/+$/, "");
  }),
];
