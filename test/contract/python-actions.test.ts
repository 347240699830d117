/** Python actions as StackStorm packs write them, run by the host's python3. */
import { describe, expect, it } from "vitest";
import type { DatastoreMessage } from "../../agent/sensors/messages.ts";
import type { Json, JsonObject } from "../../shared/json.ts";
import { type BenchOptions, startRun } from "../support/runner-bench.ts";

const header = "import decimal, os, subprocess, sys\nfrom st2common.runners.base_action import Action\n\n";
const action = (body: string, signature = "self, **kwargs") => `${header}
class Act(Action):
    def run(${signature}):
        ${body.replaceAll("\n", "\n        ")}
`;

async function run(
  code: string,
  parameters: JsonObject = {},
  options: BenchOptions & { runner_parameters?: JsonObject } = {},
) {
  const { runner_parameters: given = {}, files = {}, ...rest } = options;
  const started = await startRun(
    "python-script",
    { entry_point: "act.py", parameters, runner_parameters: given },
    { ...rest, files: { "actions/act.py": code, ...files } },
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

describe("what run() returns", () => {
  const rows: readonly [returns: string, status: string, exitCode: number, result: Json][] = [
    ["'text'", "succeeded", 0, "text"],
    ["None", "succeeded", 0, null],
    ["{'a': [1, 2.5, None, True]}", "succeeded", 0, { a: [1, 2.5, null, true] }],
    ["(True, 'fine')", "succeeded", 0, "fine"],
    ["(False, {'why': 'no'})", "failed", 0, { why: "no" }],
    ["(True, None)", "succeeded", 0, null],
    ["[True, 'a list is no pair']", "succeeded", 0, [true, "a list is no pair"]],
    ["(1, 2, 3)", "succeeded", 0, [1, 2, 3]],
    ["('yes', 'x')", "failed", 220, null],
    ["(1, 'x')", "failed", 220, null],
  ];
  it.each(rows)("%s", async (returns, status, exitCode, result) => {
    const ran = await run(action(`return ${returns}`));
    expect({ status: ran.status, exitCode: ran.exit_code, result: ran.result }).toEqual({
      status,
      exitCode,
      result,
    });
    if (exitCode === 220) expect(ran.error).toContain("must be True or False");
  });

  const odd: readonly [returns: string, result: Json][] = [
    ["{1, 1}", [1]],
    ["b'bytes'", "bytes"],
    ["decimal.Decimal('1.10')", "1.10"],
    ["{1: 'a', None: 'b'}", { "1": "a", None: "b" }],
    ["float('nan')", "nan"],
    ["2 ** 64", "18446744073709551616"],
    ["os.fsdecode(b'\\xff')", "\\udcff"],
  ];
  it.each(odd)("%s is made JSON, and marked", async (returns, result) => {
    const ran = await run(action(`return ${returns}`));
    expect({ status: ran.status, result: ran.result, converted: ran.converted }).toEqual({
      status: "succeeded",
      result,
      converted: true,
    });
  });

  it("more than any entry could carry comes whole", async () => {
    const ran = await run(action("return 'x' * 3000000"));
    expect(ran.result).toBe("x".repeat(3_000_000));
  });

  it("nothing, because it called sys.exit(0)", async () => {
    expect(await run(action("sys.exit(0)"))).toMatchObject({
      status: "succeeded",
      result: null,
      exit_code: 0,
    });
  });

  it("nothing that JSON could say: a result that holds itself is an exception", async () => {
    const ran = await run(action("a = []\na.append(a)\nreturn a"));
    expect(ran).toMatchObject({ status: "failed", exit_code: 1, exception: { type: "ValueError" } });
  });
});

describe("a result written past the runtime", () => {
  it("is a failure when it is nested too deeply to be stored", async () => {
    const deep = `os.write(4, b'{"op":"result","status":null,"result":' + b"[" * 20000 + b"]" * 20000 + b"}\\n")`;
    const ran = await run(action(`${deep}\nos._exit(0)`));
    expect(ran).toMatchObject({
      status: "failed",
      result: null,
      error: "ResultTooDeep: the result is nested more than 100 levels",
    });
  });
});

describe("an exception", () => {
  it("fails with type, message and traceback as fields", async () => {
    const ran = await run(action("raise KeyError('gone')"));
    expect(ran).toMatchObject({
      status: "failed",
      exit_code: 1,
      result: null,
      error: "KeyError: 'gone'",
      exception: { type: "KeyError", message: "'gone'" },
    });
    expect(String(ran.exception?.traceback)).toContain("act.py");
    expect(ran.stderr).toContain("KeyError");
  });

  it.each([
    ["a file that does not parse", "class Act(", "SyntaxError"],
    ["a file without an action", "x = 1", "ImportError"],
    ["a parameter that run() does not take", action("return 1", "self"), "TypeError"],
  ])("comes from %s", async (_what, code, type) => {
    expect(await run(code, { extra: 1 })).toMatchObject({ status: "failed", exception: { type } });
  });
});

describe("the action's surroundings", () => {
  it("keep what is printed apart from the result", async () => {
    const ran = await run(
      action(`print('{"op": "result"}')\nsubprocess.call("echo child", shell=True)\nreturn 1`),
    );
    expect(ran).toMatchObject({ status: "succeeded", result: 1, stdout: '{"op": "result"}\nchild\n' });
  });

  it("give parameters by name, of any size and with any character", async () => {
    const text = `${"é".repeat(200_000)}\n"'\\$(x) \u2028`;
    const ran = await run(action("return [text, number]", "self, text, number=5"), { text });
    expect(ran.result).toEqual([text, 5]);
  });

  it("give the configuration: get answers None, a missing item says what to do", async () => {
    const code = action("return [self.config['log'], self.config.get('no'), self.config['no']]");
    const ran = await run(code, {}, { config: { log: "/tmp/x" } });
    expect(ran.error).toBe(
      "ValueError: The configuration of pack 'bench' has no 'no'; set it with `petrel pack config bench`",
    );
    const fine = await run(
      action("return [self.config['log'], self.config.get('no')]"),
      {},
      { config: { log: "/tmp/x" } },
    );
    expect(fine.result).toEqual(["/tmp/x", null]);
  });

  it("say on whose behalf it runs", async () => {
    const ran = await run(action('return self.action_service.get_user_info()["username"]'));
    expect(ran.result).toBe("petrel");
  });

  it("write the logger's lines to stderr, from the level that was asked for", async () => {
    const code = action("self.logger.debug('one')\nself.logger.info('two')\nself.logger.error('three')");
    expect((await run(code)).stderr).toBe(
      "st2.actions.python.Act: DEBUG    one\nst2.actions.python.Act: INFO     two\nst2.actions.python.Act: ERROR    three\n",
    );
    expect((await run(code, {}, { runner_parameters: { log_level: "error" } })).stderr).toBe(
      "st2.actions.python.Act: ERROR    three\n",
    );
  });

  it("take modules from lib, actions/lib and beside the action", async () => {
    const code = `import one, two, three\n${action("return [one.name, two.name, three.name]")}`;
    const files = {
      "lib/one.py": "name = 1",
      "actions/lib/two.py": "name = 2",
      "actions/three.py": "name = 3",
    };
    expect((await run(code, {}, { files })).result).toEqual([1, 2, 3]);
  });

  it("run by the pack's own virtualenv when it has one", async () => {
    const files = { "virtualenv/bin/python": '#!/bin/sh\nFROM_VIRTUALENV=yes exec python3 "$@"\n' };
    expect((await run(action("return os.environ.get('FROM_VIRTUALENV')"), {}, { files })).result).toBe("yes");
  });

  it("leave no channel open to the programs an action starts", async () => {
    const code = action(
      'return subprocess.check_output("ls /proc/self/fd", shell=True, close_fds=False).decode().split()',
    );
    const ran = await run(code);
    // The folder itself is read by the first free descriptor, which is 3.
    expect(ran.result).toContain("3");
    expect(ran.result).not.toContain("4");
  });

  it("refuse a PYTHONPATH of the request", async () => {
    await expect(
      run(action("return 1"), {}, { runner_parameters: { env: { PYTHONPATH: "/x" } } }),
    ).rejects.toMatchObject({ code: "PARAMETER_INVALID" });
  });

  it("say clearly that the host has no python3", async () => {
    await expect(
      run(action("return 1"), {}, { settings: { env: { PATH: "/nonexistent" } } }),
    ).rejects.toMatchObject({ code: "PYTHON_MISSING" });
  });

  it("refuse an entry point outside the pack", async () => {
    const started = await startRun(
      "python-script",
      { entry_point: "../../../../etc/passwd" },
      { files: { "actions/act.py": "" } },
    );
    await expect(started.outcome).rejects.toMatchObject({ code: "PACK_ENTRY_POINT" });
  });
});

describe("older and unusual forms", () => {
  it("runs the older import and a constructor that takes the configuration alone", async () => {
    const code = `from st2actions.runners.pythonrunner import Action
class OldAction(Action):
    def __init__(self, config):
        super(OldAction, self).__init__(config)
    def run(self, context):
        return (True, [context, self.config.get("log"), self.action_service is not None])
`;
    expect((await run(code, { context: "c" }, { config: { log: "l" } })).result).toEqual(["c", "l", true]);
  });

  it("takes the class that is not the base of another", async () => {
    const code = `from st2common.runners.base_action import Action
class ABase(Action):
    def run(self):
        return self.word()
class Real(ABase):
    def word(self):
        return "real"
`;
    expect((await run(code)).result).toBe("real");
  });
});

describe("the datastore", () => {
  const store = new Map<string, string>();
  const calls: [string, DatastoreMessage][] = [];
  const datastore = async (owner: string, call: DatastoreMessage): Promise<Json> => {
    calls.push([owner, call]);
    switch (call.op) {
      case "get_value":
        if (call.name === "broken") throw new Error("no datastore");
        return store.get(call.name) ?? null;
      case "set_value":
        store.set(call.name, call.value);
        return true;
      case "delete_value":
        return store.delete(call.name);
      case "list_values":
        return [...store].map(([name, value]) => ({ name, value }));
    }
  };

  it("is reached by st2client, whose addresses and tokens are not needed", async () => {
    const code = `import os
from st2client.client import Client
from st2client.models import KeyValuePair
from st2common.constants.keyvalue import FULL_SYSTEM_SCOPE
${action(
  `keys = Client(base_url="http://127.0.0.1", token=os.environ.get("ST2_ACTION_AUTH_TOKEN")).keys
before = keys.get_by_name(name="k")
keys.update(KeyValuePair(name="k", value="v", ttl=60, scope=FULL_SYSTEM_SCOPE))
found = keys.get_by_name("k", decrypt=True)
listed = [pair.name for pair in keys.get_all(prefix="k")]
gone = [keys.delete(found), keys.delete(found)]
try:
    Client().liveactions.create(None)
except NotImplementedError as error:
    return [before, found.name, found.value, listed, gone, str(error)]`,
)}`;
    const from = calls.length;
    expect((await run(code, {}, { datastore })).result).toEqual([
      ...[null, "k", "v", ["k"], [true, false]],
      "st2client's Client has only `keys` here, not `liveactions`; call the hub's HTTP API for that",
    ]);
    const asked = calls.slice(from).map(([, call]) => call);
    expect(asked.map(({ op, local }) => [op, local])).toEqual(
      ["get_value", "set_value", "get_value", "list_values", "delete_value", "delete_value"].map((op) => [
        op,
        false,
      ]),
    );
    expect(asked[1]).toMatchObject({ name: "k", value: "v", ttl: 60 });
    expect(asked[2]).toMatchObject({ decrypt: true });
    calls.length = 0;
  });

  it("answers get, set, list and delete, for the class that asks", async () => {
    const code = action(
      `s = self.action_service
before = s.get_value("a")
s.set_value("a", 5, ttl=60)
listed = [[pair.name, pair.value] for pair in s.list_values()]
return [before, s.get_value(name="a"), listed, s.delete_value("a"), s.delete_value("a"), s.get_value("a", local=False), s.get_value("broken")]`,
    );
    const ran = await run(code, {}, { datastore });
    expect(ran.result).toEqual([null, "5", [["bench.Act:a", "5"]], true, false, null, null]);
    expect(new Set(calls.map(([owner]) => owner))).toEqual(new Set(["bench.Act"]));
    expect(calls[1]?.[1]).toMatchObject({ op: "set_value", name: "a", value: "5", ttl: 60, local: true });
    expect(calls[6]?.[1]).toMatchObject({ op: "get_value", local: false });
  });

  it("makes an action that does not wait for its answers wait on its pipe, and loses none of its questions", async () => {
    const questions = 20_000;
    let asked = 0;
    let open = 0;
    let most = 0;
    const slow = async (): Promise<Json> => {
      asked++;
      most = Math.max(most, ++open);
      await new Promise((resolve) => setTimeout(resolve, 100));
      open--;
      return null;
    };
    const code = action(`import threading
def read():
    while os.read(3, 65536): pass
threading.Thread(target=read, daemon=True).start()
for _ in range(${questions / 1000}):
    rest = b'{"op":"get_value","request":1,"name":"x"}\\n' * 1000
    while rest: rest = rest[os.write(4, rest):]
return "done"`);
    expect((await run(code, {}, { datastore: slow })).result).toBe("done");
    expect(asked).toBe(questions);
    // On top of the 64: a chunk, and what is left in the pipe (208 KiB of socket) when the action ends.
    expect(most).toBeLessThan(questions / 2);
  });
});

describe("what packs import beside base classes", () => {
  it.each<[string, string, Json]>([
    [
      "six",
      "[six.text_type('x'), sorted(six.iteritems({'a': 1})), isinstance('x', six.string_types)]",
      ["x", [["a", 1]], true],
    ],
    ["six.moves", "six.moves.urllib.parse.quote('a b')", "a%20b"],
    [
      "eventlet",
      "[eventlet.monkey_patch(), eventlet.sleep(0), eventlet.spawn(lambda a: a + 1, 2).wait()]",
      [null, null, 3],
    ],
    ["st2common.util.monkey_patch", "st2common.util.monkey_patch.monkey_patch()", null],
    ["st2common.util.ujson", "st2common.util.ujson.fast_deepcopy({'a': [1]})", { a: [1] }],
    [
      "st2common.util.isotime",
      "st2common.util.isotime.format(st2common.util.isotime.parse('2026-01-31 12:00:00.5+0200'), offset=False)",
      "2026-01-31T10:00:00.500000Z",
    ],
    [
      "st2common.util.date",
      "st2common.util.date.add_utc_tz(datetime.datetime(2026, 1, 31)).isoformat()",
      "2026-01-31T00:00:00+00:00",
    ],
  ])("%s", async (module, expression, result) => {
    const ran = await run(`import datetime\nimport ${module}\n${action(`return ${expression}`)}`);
    expect(ran.result, ran.stderr).toEqual(result);
  });

  it("a substitute gives way to a module of the pack, and to one that is installed", async () => {
    const files = { "lib/eventlet.py": "WORD = 'the pack\\'s own'\n" };
    const ran = await run(`import eventlet\n${action("return eventlet.WORD")}`, {}, { files });
    expect(ran.result, ran.stderr).toBe("the pack's own");
  });

  it("six.moves gives several names, and other words for what is not there", async () => {
    const code = `from six.moves import range, http_client
from six.moves.urllib.parse import urlparse
import six
@six.add_metaclass(type)
class Made(object):
    pass
${action(`try:
    six.moves.winreg
except AttributeError as error:
    return [list(range(2)), http_client.OK, urlparse("http://a/b").path, type(Made) is type, str(error)]`)}`;
    const ran = await run(code);
    // Where six is installed, it is what runs.
    expect(ran.result).toEqual([[0, 1], 200, "/b", true, expect.stringMatching(/^this substitute|winreg/)]);
  });

  it.each([
    [
      "from st2common.persistence.keyvalue import KeyValuePair",
      /^Petrel has no module st2common\.persistence: .*action_service/,
    ],
    ["import st2common.services.access", /^Petrel has no module st2common\.services: use get_value/],
    ["import st2api.app", /^Petrel has no module st2api: the guide to packs/],
  ])("%s says what to use instead", async (line, message) => {
    const ran = await run(`${line}\n${action("return 1")}`);
    expect(ran.status).toBe("failed");
    expect(ran.exception).toMatchObject({
      type: "ModuleNotFoundError",
      message: expect.stringMatching(message),
    });
  });

  it("one that is tried and done without is no error", async () => {
    const ran = await run(
      `try:\n    import st2api\nexcept ImportError:\n    st2api = None\n${action("return st2api")}`,
    );
    expect([ran.status, ran.result]).toEqual(["succeeded", null]);
  });
});
