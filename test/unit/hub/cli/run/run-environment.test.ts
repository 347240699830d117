import { describe, expect, test } from "vitest";
import { withEnvironment } from "../../../../../hub/cli/run/run-environment.ts";

const schemas = { env: { type: "object" } };
const around = {
  PATH: "/bin",
  LANG: "C",
  home: "/root",
  REGION: "eu",
  PETREL_API_KEY: "k",
  ST2_AUTH_TOKEN: "t",
};

describe("variables for an action's process", () => {
  test.each([
    [{}, {}, {}],
    [{}, { env: { A: "1" } }, { env: { A: "1" } }],
    [
      { env: ["A=2", "B=x=y", "C="] },
      { env: { A: "1", D: "4" } },
      { env: { A: "2", B: "x=y", C: "", D: "4" } },
    ],
    [{ inheritEnv: true }, {}, { env: { REGION: "eu" } }],
    [{ inheritEnv: true, env: ["REGION=us"] }, { env: { REGION: "asia" } }, { env: { REGION: "us" } }],
    [{ inheritEnv: true }, { env: { REGION: "asia" } }, { env: { REGION: "asia" } }],
  ])("%j beside %j", (options, parameters, expected) => {
    expect(withEnvironment(parameters, schemas, options, around)).toEqual(expected);
  });

  test.each(["A", "=x", "1A=x", "A B=x"])("'%s' sets none", (pair) => {
    expect(() => withEnvironment({}, schemas, { env: [pair] }, {})).toThrow(
      expect.objectContaining({ code: "CLI_USAGE", message: `--env '${pair}' sets no variable` }),
    );
  });

  test("do not go with a file that nobody has read yet", () => {
    expect(() => withEnvironment({ env: '{"A":1}' }, schemas, { env: ["B=1"] }, {})).toThrow(
      /not with a file/,
    );
  });

  test("are refused where there is no process", () => {
    for (const options of [{ env: ["A=1"] }, { inheritEnv: true }]) {
      expect(() => withEnvironment({}, {}, options, around)).toThrow(/that take the parameter env/);
    }
    expect(withEnvironment({ x: 1 }, {}, {}, around)).toEqual({ x: 1 });
  });
});
