/** Jinja2's filters for numbers, and `default`. */

import { isPetrelError } from "../../errors.ts";
import { Missing } from "../datastore-lookup.ts";
import type { Filter } from "../filter-table.ts";
import { bind, type Named } from "../python/arguments.ts";
import { absolute } from "../python/arithmetic.ts";
import { truth } from "../python/compare.ts";
import { floatOf, toFloat, toInt } from "../python/numbers.ts";
import { fixed, roundFloat, roundInt } from "../python/round.ts";
import { repr } from "../python/text.ts";
import {
  defined,
  Float,
  fail,
  floatValue,
  intValue,
  isFloat,
  isInt,
  typeName,
  Undefined,
} from "../python/values.ts";
import type { Run } from "../run.ts";

/** The first attempt that Python would not refuse. */
function attempt(tries: readonly (() => unknown)[], otherwise: unknown): unknown {
  for (const one of tries) {
    try {
      return one();
    } catch (error) {
      if (!isPetrelError(error) || error.code !== "EXPRESSION_TYPE") throw error;
    }
  }
  return otherwise;
}

function toInteger(_run: Run, input: unknown, args: readonly unknown[], named: Named): unknown {
  const [otherwise, base] = bind("int", ["default", "base"], args, named);
  defined(input);
  return attempt(
    [
      () => toInt(input, typeof input === "string" ? Number(toInt(base ?? 10)) : 10),
      () => toInt(toFloat(input)),
    ],
    otherwise === undefined ? 0 : otherwise,
  );
}

function round(_run: Run, input: unknown, args: readonly unknown[], named: Named): unknown {
  const [precision, method] = bind("round", ["precision", "method"], args, named);
  const digits = Number(toInt(precision ?? 0));
  defined(input);
  if (method !== undefined && method !== "common" && method !== "ceil" && method !== "floor") {
    return fail("method must be common, ceil or floor");
  }
  if (method === "ceil" || method === "floor") {
    const factor = 10 ** digits;
    // Python's ceil and floor give ints, which have no negative zero.
    const scaled = Math[method](floatOf(input) * factor) + 0;
    return floatValue(scaled / factor);
  }
  if (isInt(input) || typeof input === "boolean") return intValue(roundInt(BigInt(toInt(input)), digits));
  if (isFloat(input)) return floatValue(roundFloat(floatOf(input), digits));
  return fail(`type ${typeName(input)} doesn't define __round__ method`);
}

/** `filesizeformat(binary)`: `4.1 kB` or `4.0 KiB`. */
function fileSize(_run: Run, input: unknown, args: readonly unknown[], named: Named): unknown {
  const [binary] = bind("filesizeformat", ["binary"], args, named);
  const bytes = floatOf(toFloat(input));
  const base = truth(binary ?? false) ? 1024 : 1000;
  const units = truth(binary ?? false)
    ? ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"]
    : ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
  if (bytes === 1) return "1 Byte";
  if (bytes < base) return `${Math.trunc(bytes)} Bytes`;
  let unit = units[0] ?? "";
  let size = base;
  for (const name of units) {
    unit = name;
    size *= base;
    if (bytes < size) break;
  }
  return `${fixed((base * bytes) / size, 1)} ${unit}`;
}

function fallback(_run: Run, input: unknown, args: readonly unknown[], named: Named): unknown {
  const [otherwise, empty] = bind("default", ["default_value", "boolean"], args, named);
  const absent = input instanceof Undefined || input instanceof Missing;
  if (!absent && !(truth(empty ?? false) && !truth(input))) return input;
  return otherwise === undefined ? "" : otherwise;
}

export const numberFilters: readonly (readonly [string, Filter])[] = [
  ["default", fallback],
  ["d", fallback],
  ["int", toInteger],
  [
    "float",
    (_run, input, args, named) => {
      const [otherwise] = bind("float", ["default"], args, named);
      defined(input);
      return attempt([() => toFloat(input)], otherwise === undefined ? new Float(0) : otherwise);
    },
  ],
  ["abs", (_run, input) => absolute(input)],
  ["round", round],
  ["filesizeformat", fileSize],
  ["pprint", (_run, input) => repr(defined(input))],
];
