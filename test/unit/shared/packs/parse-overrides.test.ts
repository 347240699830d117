/** Files of overrides: what is kept of them, and where a mistake is told. */
import { describe, expect, test } from "vitest";
import { parseOverrides } from "../../../../shared/packs/parse-overrides.ts";

describe("a file of overrides", () => {
  test("is kept as it is, without what is empty", () => {
    const text = `sensors:
  defaults: {enabled: false}
  exceptions:
    Probe: {enabled: true}
    Other:
rules:
  defaults:
actions:
`;
    expect(parseOverrides(text, "mypack", "mypack.yaml")).toEqual({
      overrides: {
        sensors: { defaults: { enabled: false }, exceptions: { Probe: { enabled: true }, Other: {} } },
        rules: {},
        actions: {},
      },
      problems: [],
    });
  });

  test.each([
    ["an empty one", "mypack", "", "o.yaml:1", /empty/],
    ["a list", "mypack", "- rules\n", "o.yaml:1", /must be a map/],
    [
      "another kind of part",
      "mypack",
      "rules: {}\npolicies: {}\n",
      "o.yaml:2 (policies)",
      /unknown field 'policies'/,
    ],
    [
      "another key than enabled",
      "mypack",
      "actions:\n  defaults:\n    enabled: true\n    runner_type: noop\n",
      "o.yaml:4 (actions.defaults.runner_type)",
      /unknown field 'runner_type'/,
    ],
    [
      "a switch that is a text",
      "mypack",
      "rules:\n  exceptions:\n    watch: {enabled: maybe}\n",
      "o.yaml:3 (rules.exceptions.watch.enabled)",
      /must be true or false/,
    ],
    [
      "exceptions for all packs",
      "_global",
      "rules:\n  exceptions: {watch: {enabled: false}}\n",
      "o.yaml:2 (rules.exceptions)",
      /unknown field 'exceptions'/,
    ],
    ["a broken text", "mypack", "rules: [\n", "o.yaml:", /./],
  ])("%s is refused at its line", (_, name, text, where, message) => {
    const { overrides, problems } = parseOverrides(text, name, "o.yaml");
    expect(overrides).toBeNull();
    expect(problems[0]).toMatchObject({
      severity: "error",
      where: expect.stringContaining(where),
      message: expect.stringMatching(message),
    });
  });
});
