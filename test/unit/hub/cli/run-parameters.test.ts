import { describe, expect, test } from "vitest";
import { runParameters } from "../../../../hub/cli/run/run-parameters.ts";

const schemas = {
  cmd: { type: "string" },
  text: { type: "string" },
  count: { type: "integer" },
  ratio: { type: "number" },
  flag: { type: "boolean" },
  hosts: { type: "array" },
  ports: { type: "array", items: { type: "integer" } },
  env: { type: "object" },
  limits: { type: "object", properties: { cpu: { type: "integer" } } },
  maybe: { type: ["integer", "null"] },
};
const noFiles = () => {
  throw new Error("no file was to be read");
};

describe("words after the action", () => {
  test.each([
    ["text=hello", { text: "hello" }],
    ["text=a=b", { text: "a=b" }],
    ["text=", { text: "" }],
    ["text=5", { text: "5" }],
    ["count=5", { count: 5 }],
    ["count=-5", { count: -5 }],
    ["ratio=1e3", { ratio: 1000 }],
    ["flag=true", { flag: true }],
    ["flag=No", { flag: false }],
    ["hosts=a, b", { hosts: ["a", "b"] }],
    ['hosts=["a,b"]', { hosts: ["a,b"] }],
    ["hosts=", { hosts: [] }],
    ["ports=80,443", { ports: [80, 443] }],
    ["env=A=1,B=x=y", { env: { A: "1", B: "x=y" } }],
    ['env={"A":1}', { env: { A: 1 } }],
    ["limits=cpu:2", { limits: { cpu: 2 } }],
    ["maybe=null", { maybe: null }],
    ["maybe=3", { maybe: 3 }],
    ["count={{ trigger.n }}", { count: "{{ trigger.n }}" }],
    ["unheard_of=7", { unheard_of: "7" }],
    ["__proto__=x", JSON.parse('{"__proto__":"x"}')],
  ])("%j", (word, expected) => {
    expect(runParameters([word], schemas, noFiles)).toEqual(expected);
  });

  test("from the first that is no name=value on, are one command line", () => {
    expect(runParameters(["text=x", "echo", "a=b", "-n"], schemas, noFiles)).toEqual({
      text: "x",
      cmd: "echo a=b -n",
    });
    expect(runParameters(["echo a=b"], schemas, noFiles)).toEqual({ cmd: "echo a=b" });
  });

  test("add up when they name the same array", () => {
    expect(runParameters(["hosts=a", "hosts=b,c"], schemas, noFiles)).toEqual({ hosts: ["a", "b", "c"] });
  });

  test("take a value from a file with @", () => {
    expect(runParameters(["@text=notes.txt"], schemas, (path) => `content of ${path}`)).toEqual({
      text: "content of notes.txt",
    });
  });

  test("that do not read as their type are all refused together", () => {
    const words = ["count=1.5", "flag=maybe", "ratio=", "env=A", "ports=80,x", "text=fine"];
    expect(() => runParameters(words, schemas, noFiles)).toThrow(
      expect.objectContaining({
        code: "PARAMETER_INVALID",
        message:
          "count must be an integer, not '1.5'; flag must be a boolean (true or false), not 'maybe'; " +
          "ratio must be a number, not ''; env must be an object (a=1,b=2 or JSON), not 'A'; " +
          "ports must be an integer, not '80,x'",
      }),
    );
  });
});
