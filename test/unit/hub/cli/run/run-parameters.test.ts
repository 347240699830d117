import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { exampleOf } from "../../../../../hub/cli/run/parameter-text.ts";
import { runParameters } from "../../../../../hub/cli/run/run-parameters.ts";

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
  people: {
    type: "array",
    items: { type: "object", properties: { name: { type: "string" }, age: { type: "integer" } } },
  },
  token: { type: "integer", secret: true },
  level: { type: "string", enum: ["low", "high"] },
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
    ["flag=FALSE", { flag: false }],
    ["flag=none", { flag: null }],
    ["count= 1_000 ", { count: 1000 }],
    ["ratio=1_0.5", { ratio: 10.5 }],
    ["ratio=2", { ratio: 2 }],
    ["hosts=a, b", { hosts: ["a", "b"] }],
    ['hosts=["a,b"]', { hosts: ["a,b"] }],
    ["hosts=", { hosts: [] }],
    ["ports=80,443", { ports: [80, 443] }],
    ["env=A=1,B=x=y", { env: { A: "1", B: "x=y" } }],
    ['env={"A":1}', { env: { A: 1 } }],
    ["env=A:1,B=x:y", { env: { A: "1", B: "x:y" } }],
    ["env={'A': True, 'B': None}", { env: { A: true, B: null } }],
    ["env=", { env: {} }],
    ["hosts=['a', 'b']", { hosts: ["a", "b"] }],
    ["hosts=a:1,b:2", { hosts: ["a:1", "b:2"] }],
    ["people=name:ann,age:30", { people: [{ name: "ann", age: 30 }] }],
    ['people=[{"name":"ann"},{"name":"bob"}]', { people: [{ name: "ann" }, { name: "bob" }] }],
    ["people=", { people: [] }],
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

  test("add up when they name the same array or object", () => {
    const words = [
      "hosts=a",
      "hosts=b,c",
      "env=A=1,B=2",
      "env=B:3",
      "people=name:ann,age:30",
      "people=name:bob",
    ];
    expect(runParameters(words, schemas, noFiles)).toEqual({
      hosts: ["a", "b", "c"],
      env: { A: "1", B: "3" },
      people: [{ name: "ann", age: 30 }, { name: "bob" }],
    });
  });

  test("take a value from a file with @", () => {
    expect(runParameters(["@text=notes.txt"], schemas, (path) => `content of ${path}`)).toEqual({
      text: "content of notes.txt",
    });
  });

  test.each([
    ["count=1.5", "count must be an integer, not '1.5': write for example count=3"],
    ["count=", "count must be an integer, not '': write for example count=3"],
    ["count=9007199254740993", "count must be an integer, not '9007199254740993': write for example count=3"],
    ["flag=yes", "flag must be a boolean (true or false), not 'yes': write for example flag=true"],
    ["flag=1", "flag must be a boolean (true or false), not '1': write for example flag=true"],
    ["ratio=inf", "ratio must be a number, not 'inf': write for example ratio=1.5"],
    ["env=A", "env must be an object (a=1,b=2 or JSON), not 'A': write for example env=a=1,b=2"],
    ["env={A}", "env must be an object (a=1,b=2 or JSON), not '{A}': write for example env=a=1,b=2"],
    ["hosts=[1", "hosts must be an array (a,b,c or JSON), not '[1': write for example hosts=a,b"],
    [
      "ports=80,x",
      "ports must be an array, each item of it an integer, not '80,x': write for example ports=1,2",
    ],
    [
      "people=ann",
      "people must be an array, each item of it an object (a=1,b=2 or JSON), not 'ann': write for example people=name:text,age:3",
    ],
    [
      "limits=cpu=x",
      "limits must be an object, its cpu an integer, not 'cpu=x': write for example limits=cpu=3",
    ],
    ["token=hunter2", "token must be an integer, not what is given: write for example token=3"],
  ])("%j is refused, with what is wanted and an example", (word, message) => {
    expect(() => runParameters([word], schemas, noFiles)).toThrow(
      expect.objectContaining({ code: "PARAMETER_INVALID", message }),
    );
  });

  test("that do not read as their type are all refused together", () => {
    const words = ["count=1.5", "text=fine", "flag=maybe"];
    expect(() => runParameters(words, schemas, noFiles)).toThrow(/^count must be .*; flag must be /);
  });

  test("are readable as each example says", () => {
    expect(exampleOf("level", schemas.level)).toBe("level=low");
    for (const [name, schema] of Object.entries(schemas)) {
      expect(runParameters([exampleOf(name, schema)], schemas, noFiles)).toHaveProperty(name);
    }
  });

  test("carry any whole number, and any list or object that is written as JSON", () => {
    const data = fc.jsonValue({ maxDepth: 3 }).map((value) => JSON.parse(JSON.stringify(value)));
    fc.assert(
      fc.property(
        fc.maxSafeInteger(),
        fc.array(data),
        fc.dictionary(fc.string(), data),
        (count, hosts, env) => {
          const words = [`count=${count}`, `hosts=${JSON.stringify(hosts)}`, `env=${JSON.stringify(env)}`];
          const isTemplate = words.some((word) => word.includes("{{"));
          if (!isTemplate) {
            const read = JSON.stringify(runParameters(words, schemas, noFiles));
            expect(JSON.parse(read)).toEqual(JSON.parse(JSON.stringify({ count, hosts, env })));
          }
        },
      ),
    );
  });
});
