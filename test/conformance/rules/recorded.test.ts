/** Recorded answers of Python for everything a criterion does: operators, patterns, wildcards, keys, dates. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { isPetrelError } from "../../../shared/errors.ts";
import { findValues } from "../../../shared/expressions/jsonpath.ts";
import { parseJson } from "../../../shared/expressions/python/json-text.ts";
import { repr } from "../../../shared/expressions/python/text.ts";
import { runNative } from "../../../shared/expressions/regex/native.ts";
import { parseDateTime } from "../../../shared/rules/datetime-text.ts";
import { findOperator } from "../../../shared/rules/operators.ts";
import { compileWildcard } from "../../../shared/rules/wildcard.ts";

const now = Date.UTC(2024, 4, 15, 12);
const regex = (request: Parameters<typeof runNative>[0]) => ({ matches: runNative(request) });

function load<T>(name: string): T {
  return parseJson(readFileSync(new URL(name, import.meta.url), "utf8")) as T;
}

function refusedOr<T>(body: () => T): T | "refused" {
  try {
    return body();
  } catch (error) {
    if (isPetrelError(error)) return "refused";
    throw error;
  }
}

/** t true, f false, E refused. */
function letter(body: () => boolean): string {
  const result = refusedOr(body);
  return result === "refused" ? "E" : result ? "t" : "f";
}

function judge(operator: string, value: unknown, pattern: unknown): string {
  return letter(() => {
    const found = findOperator(operator);
    if (found === undefined) throw new Error(`no operator ${operator}`);
    return found.prepare(pattern)(value, { now, regex });
  });
}

describe("operators, every value against every pattern", () => {
  const { values, rows } = load<{ values: unknown[]; rows: [string, ...string[]][] }>("operators.json");
  test.each(rows)("%s", (operator, ...answers) => {
    const got = values.map((value) => values.map((pattern) => judge(operator, value, pattern)).join(""));
    expect(got).toEqual(answers);
  });
});

describe("regular expressions, by all three operators", () => {
  const { texts, rows } = load<{ texts: string[]; rows: [string, string, string, string][] }>(
    "patterns.json",
  );
  test.each(rows)("%s", (pattern, match, search, ignoringCase) => {
    const got = ["matchregex", "regex", "iregex"].map((operator) =>
      texts.map((text) => judge(operator, text, pattern)).join(""),
    );
    expect(got).toEqual([match, search, ignoringCase]);
  });
});

describe("wildcards", () => {
  const { texts, rows } = load<{ texts: string[]; rows: [string, string][] }>("wildcards.json");
  test.each(rows)("%s", (wildcard, answers) => {
    const matches = compileWildcard(wildcard);
    expect(texts.map((text) => letter(() => matches(text))).join("")).toBe(answers);
  });
});

describe("keys", () => {
  const { data: payload, rows } = load<{ data: unknown; rows: [string, string?][] }>("keys.json");
  test.each(rows)("%s", (path, values = "refused") => {
    expect(refusedOr(() => repr(findValues(path, payload)))).toBe(values);
  });
});

describe("dates", () => {
  const { rows } = load<{ rows: [string, number?][] }>("dates.json");
  test.each(rows)("%s", (text, microseconds) => {
    const got = refusedOr(() => Math.round(parseDateTime(text, now) * 1000));
    expect(got).toBe(microseconds === undefined ? "refused" : Number(microseconds));
  });
});
