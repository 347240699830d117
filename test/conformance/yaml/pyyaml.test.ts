/** Our YAML reader against answers recorded from PyYAML 6.0.3 (`yaml.safe_load_all`, then `json.dumps`). */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Json } from "../../../shared/json.ts";
import { readYaml } from "../../../shared/yaml/read-yaml.ts";

interface Row {
  readonly yaml: string;
  readonly documents?: readonly Json[];
  /** PyYAML raises, or its value cannot become JSON (infinity, bytes, sets). */
  readonly refused?: true;
}

const rows = JSON.parse(readFileSync(new URL("pyyaml.json", import.meta.url), "utf8")) as readonly Row[];

describe("YAML is read as PyYAML's safe_load reads it", () => {
  test.for(rows.filter((row) => row.documents !== undefined))("$yaml", (row) => {
    const reading = readYaml(row.yaml, "row.yaml");
    expect(reading.problems.filter(({ severity }) => severity === "error")).toEqual([]);
    expect(reading.documents.map(({ value }) => value)).toEqual(row.documents);
  });

  test.for(rows.filter((row) => row.refused))("$yaml is refused", (row) => {
    const reading = readYaml(row.yaml, "row.yaml");
    expect(reading.problems.some(({ severity }) => severity === "error")).toBe(true);
  });
});

describe("where we differ from PyYAML on purpose", () => {
  const kept: readonly string[] = [
    "2001-12-14",
    "2001-12-14T21:59:43.10-05:00",
    "2001-12-14 21:59:43.10 -5",
    "!!timestamp 2001-12-14",
  ];
  test.for(kept)("the date or time %s stays text", (yaml) => {
    const [document] = readYaml(yaml, "row.yaml").documents;
    expect(document?.value).toBe(yaml.replace("!!timestamp ", ""));
  });
});
