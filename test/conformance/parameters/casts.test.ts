/** Recorded answers of Python for the casting of parameters. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { isPetrelError } from "../../../shared/errors.ts";
import { parseJson } from "../../../shared/expressions/python/json-text.ts";
import { repr } from "../../../shared/expressions/python/text.ts";
import { castValue } from "../../../shared/parameters/casts.ts";

const { rows } = parseJson(readFileSync(new URL("casts.json", import.meta.url), "utf8")) as {
  readonly rows: readonly (readonly [type: string, value: unknown, cast?: string])[];
};

function cast(value: unknown, type: string): string {
  try {
    return repr(castValue("x", value, type));
  } catch (error) {
    if (isPetrelError(error)) return "refused";
    throw error;
  }
}

test.each([...new Set(rows.map(([type]) => type))])("%s", (type) => {
  const mine = rows.filter((row) => row[0] === type);
  expect(mine.map(([, value]) => [value, cast(value, type)])).toEqual(
    mine.map(([, value, answer = "refused"]) => [value, answer]),
  );
});
