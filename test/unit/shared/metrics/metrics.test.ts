import { describe, expect, test } from "vitest";
import { Histogram, quantile } from "../../../../shared/metrics/histogram.ts";
import { type Metric, renderMetrics } from "../../../../shared/metrics/prometheus.ts";

function histogramOf(...values: readonly number[]) {
  const histogram = new Histogram([1, 2, 5]);
  for (const value of values) histogram.observe(value);
  return histogram.figures();
}

describe("a histogram", () => {
  test.each([
    ["nothing", [], [0, 0, 0, 0]],
    ["a value on a bound belongs below it", [1, 2, 5], [1, 2, 3, 3]],
    ["one beyond the last is in the total alone", [0.5, 7], [1, 1, 1, 2]],
  ])("%s", (_, values, counts) => {
    expect(histogramOf(...values).counts).toEqual(counts);
    expect(histogramOf(...values).sum).toBe(values.reduce((sum, value) => sum + value, 0));
  });

  test.each([
    ["of nothing", [], 0.5, null],
    ["half of the values", [0.5, 0.5, 3, 3], 0.5, 1],
    ["nearly all", [0.5, 0.5, 3, 3], 0.99, 5],
    ["beyond every bound", [9], 0.5, Number.POSITIVE_INFINITY],
  ])("quantile %s", (_, values, part, expected) => {
    expect(quantile(histogramOf(...values), part)).toBe(expected);
  });
});

test("metrics escape what would break a line, and spell infinity as Prometheus does", () => {
  const metrics: readonly Metric<null>[] = [
    ["a_total", "counter", "Of \\ and\nmore.", () => [[{ name: 'odd "\\\n' }, 1]]],
    ["b", "gauge", 'A "quote" stays.', () => Number.POSITIVE_INFINITY],
    ["c", "gauge", "None.", () => []],
  ];
  expect(renderMetrics(metrics, null)).toBe(
    [
      "# HELP a_total Of \\\\ and\\nmore.",
      "# TYPE a_total counter",
      'a_total{name="odd \\"\\\\\\n"} 1',
      '# HELP b A "quote" stays.',
      "# TYPE b gauge",
      "b +Inf",
      "# HELP c None.",
      "# TYPE c gauge",
      "",
    ].join("\n"),
  );
});
