/** Actions in TypeScript and JavaScript, run by our own Node. */
import { describe, expect, it } from "vitest";
import type { DatastoreMessage } from "../../agent/sensors/messages.ts";
import type { Json, JsonObject } from "../../shared/json.ts";
import { type BenchOptions, startRun } from "../support/runner-bench.ts";

async function run(
  code: string,
  parameters: JsonObject = {},
  options: BenchOptions & { entry?: string } = {},
) {
  const { entry = "act.ts", files = {}, ...rest } = options;
  const started = await startRun(
    "node-script",
    { entry_point: entry, parameters },
    { ...rest, files: { [`actions/${entry}`]: code, ...files } },
  );
  const { status, result } = await started.outcome;
  return {
    status,
    ...(result as {
      result: Json;
      stdout: string;
      stderr: string;
      exit_code: number;
      error?: string;
      exception?: JsonObject;
      converted?: boolean;
    }),
  };
}

describe("what an action's file may hold", () => {
  it("a named class in TypeScript, with configuration and parameters", async () => {
    const code = `interface Context { config: { greeting: string } }
export class Greet {
  readonly #config: Context["config"];
  constructor({ config }: Context) { this.#config = config; }
  async run({ name }: { name: string }) { return \`\${this.#config.greeting} \${name}\`; }
}`;
    expect(await run(code, { name: "you" }, { config: { greeting: "hi" } })).toMatchObject({
      status: "succeeded",
      result: "hi you",
      stderr: "",
    });
  });

  it("a class as default export, before any named one", async () => {
    const code =
      "export class Other { run() { return 1; } }\nexport default class Act { run() { return 2; } }";
    expect((await run(code)).result).toBe(2);
  });

  it("a function as default export", async () => {
    const code = "export default async (parameters, { config }) => [parameters.a, config.b];";
    expect((await run(code, { a: 1 }, { config: { b: 2 }, entry: "act.js" })).result).toEqual([1, 2]);
  });

  it("a CommonJS module, and modules beside it", async () => {
    const code =
      'const { word } = require("./word.cjs");\nmodule.exports = class Act { run() { return word; } };';
    expect(
      (await run(code, {}, { entry: "act.cjs", files: { "actions/word.cjs": 'exports.word = "cjs";' } }))
        .result,
    ).toBe("cjs");
  });

  it.each([
    ["nothing that runs", "export const a = 1;", "neither a class"],
    ["a syntax error", "export default class {", ""],
    ["a module that does not exist", 'import "./gone.ts";\nexport default () => 1;', "gone"],
  ])("but not %s", async (_what, code, message) => {
    const ran = await run(code);
    expect(ran).toMatchObject({ status: "failed", exit_code: 1, result: null });
    expect(ran.error).toContain(message);
  });
});

describe("what run() returns", () => {
  const rows: readonly [returns: string, status: string, result: Json][] = [
    ["undefined", "succeeded", null],
    ["{ a: 1 }", "succeeded", { a: 1 }],
    ["[true, 'fine']", "succeeded", "fine"],
    ["[false, { why: 'no' }]", "failed", { why: "no" }],
    ["[1, 2]", "succeeded", [1, 2]],
    ["[true]", "succeeded", [true]],
    ["[true, 1, 2]", "succeeded", [true, 1, 2]],
  ];
  it.each(rows)("%s", async (returns, status, result) => {
    const ran = await run(`export default () => (${returns});`);
    expect({ status: ran.status, result: ran.result, exit: ran.exit_code }).toEqual({
      status,
      result,
      exit: 0,
    });
  });

  it("something JSON lacks, which is marked", async () => {
    expect(await run("export default () => new Set([1]);")).toMatchObject({ result: [1], converted: true });
  });

  it("while forgotten timers and sockets are open", async () => {
    expect(await run("export default () => { setInterval(() => {}, 1000); return 1; };")).toMatchObject({
      result: 1,
    });
  });
});

describe("a failure", () => {
  it.each([
    ["thrown", "throw new TypeError('bad');"],
    ["rejected", "return Promise.reject(new TypeError('bad'));"],
    [
      "thrown in a callback",
      "return new Promise(() => setTimeout(() => { throw new TypeError('bad'); }, 1));",
    ],
    [
      "rejected and not awaited",
      "Promise.reject(new TypeError('bad')); return new Promise((done) => setTimeout(done, 1000));",
    ],
  ])("%s has type, message and traceback as fields", async (_how, body) => {
    const ran = await run(`export default () => { ${body} };`);
    expect(ran).toMatchObject({
      status: "failed",
      exit_code: 1,
      result: null,
      error: "TypeError: bad",
      exception: { type: "TypeError", message: "bad" },
    });
    expect(String(ran.exception?.traceback)).toContain("act.ts");
    expect(ran.stderr).toContain("TypeError: bad");
  });
});

describe("the action's surroundings", () => {
  it("keep what is printed apart from the result", async () => {
    const ran = await run(
      'export default () => { console.log(JSON.stringify({ op: "result" })); return 1; };',
    );
    expect(ran).toMatchObject({ result: 1, stdout: '{"op":"result"}\n', stderr: "" });
  });

  it("give parameters of any size and with any character", async () => {
    const text = `${"é".repeat(200_000)}\n"'\\$(x) \u2028`;
    expect((await run("export default ({ text }) => text;", { text })).result).toBe(text);
  });

  it("write the logger's lines to stderr", async () => {
    const ran = await run(
      "export class Act { constructor({ logger }) { this.logger = logger; } run() { this.logger.info('one'); } }",
      {},
      { entry: "act.mjs" },
    );
    expect(ran.stderr).toBe("st2.actions.node.Act: INFO     one\n");
  });

  it("leave no channel open to the programs an action starts", async () => {
    const code =
      'import { execSync } from "node:child_process";\nexport default () => execSync("ls /proc/self/fd").toString().split("\\n").filter(Boolean);';
    const { result } = await run(code);
    // The folder itself is read by the first free descriptor, which is 3.
    expect(result).toContain("3");
    expect(result).not.toContain("4");
  });

  it("answer datastore calls of the class that asks, and pass errors on", async () => {
    const calls: [string, DatastoreMessage][] = [];
    const datastore = async (owner: string, call: DatastoreMessage): Promise<Json> => {
      calls.push([owner, call]);
      if (call.op === "delete_value") throw new Error("no such thing");
      return call.op === "get_value" ? `value of ${call.name}` : true;
    };
    const code = `export class Act {
  constructor({ service }) { this.service = service; }
  async run() {
    const both = await Promise.all([this.service.getValue("a"), this.service.getValue("b", { local: false })]);
    await this.service.setValue("c", "1", { ttl: 9 });
    const error = await this.service.deleteValue("d").catch((error) => error.message);
    return [...both, error];
  }
}`;
    const ran = await run(code, {}, { entry: "act.mjs", datastore });
    expect(ran.result).toEqual(["value of a", "value of b", "no such thing"]);
    expect(calls.map(([owner]) => owner)).toEqual(Array(4).fill("bench.Act"));
    expect(calls[1]?.[1]).toMatchObject({ op: "get_value", name: "b", local: false });
    expect(calls[2]?.[1]).toMatchObject({ op: "set_value", name: "c", value: "1", ttl: 9, local: true });
  });
});
