import { expect, test } from "vitest";
import { withWholeResult } from "../../../../hub/executions/large-result.ts";
import { PetrelError } from "../../../../shared/errors.ts";
import { anExecution } from "../../../support/records.ts";

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const contents = new Map([
  [digest("a"), '{"stdout":"long"}'],
  [digest("b"), '{"stdout":"cut'],
]);
const read = async (name: string) => {
  const text = contents.get(name);
  if (text === undefined) throw new PetrelError("BLOB_MISSING", "not here");
  return Buffer.from(text);
};
const blob = (letter: string, truncated = false) => ({ digest: digest(letter), size: 9, truncated });

test.each([
  ["JSON is given as JSON", blob("a"), { stdout: "long" }],
  ["what was cut is given as text", blob("b", true), '{"stdout":"cut'],
  ["what should be JSON and is not is given as text", blob("b"), '{"stdout":"cut'],
  ["what has not come yet is null", blob("c"), null],
])("a large result: %s", async (_, result_blob, result) => {
  const whole = await withWholeResult(anExecution({ result_blob }), read);
  expect(whole).toMatchObject({ result, result_blob });
});

test("a large result that came late is read back as well", async () => {
  const late_result = {
    status: "succeeded",
    result: null,
    at: "2026-11-22T12:00:00Z",
    result_blob: blob("a"),
  };
  const whole = await withWholeResult(anExecution({ status: "abandoned", late_result }), read);
  expect(whole).toMatchObject({ result: null, late_result: { result: { stdout: "long" } } });
});
