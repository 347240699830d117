import { describe, expect, test } from "vitest";
import { actionView, outputView } from "../../../../hub/http/views.ts";
import { buildCatalogue } from "../../../../hub/packs/catalogue.ts";
import { keepMasked } from "../../../../hub/secrets/keep-masked.ts";
import {
  mask,
  maskConfig,
  maskParameters,
  maskResult,
  maskRuleParameters,
  maskSchemas,
} from "../../../../hub/secrets/mask.ts";
import type { Json } from "../../../../shared/json.ts";
import type { ParameterSchema } from "../../../../shared/model/pack.ts";
import { actionParameters } from "../../../../shared/packs/action-parameters.ts";
import { packRecord } from "../../../contract/store/world.ts";
import { anAction } from "../../../support/records.ts";

const schemas = {
  user: { type: "string" },
  token: { type: "string", secret: true },
  login: {
    type: "object",
    properties: { name: { type: "string" }, password: { type: "string", secret: true } },
  },
  keys: { type: "array", items: { type: "string", secret: true } },
};

describe("a schema", () => {
  test("is shown without the defaults of secrets, wherever they stand, and otherwise as it is", () => {
    const secret = { type: "string", secret: true, default: "s" };
    const open = { type: "string", default: "o" };
    const inner = (leaf: ParameterSchema) => ({ type: "object", properties: { leaf } });
    const hidden = { ...secret, default: mask };
    expect(
      maskSchemas({
        secret,
        open,
        unset: { secret: true, default: null },
        template: { secret: true, default: "{{ st2kv.system.token }}" },
        nested: { type: "object", properties: { secret, open }, default: { secret: "s", open: "o" } },
        list: { type: "array", items: secret, default: ["s"] },
        tuple: {
          type: "array",
          items: [open, secret],
          additionalItems: secret,
        } as unknown as ParameterSchema,
        byPattern: { type: "object", patternProperties: { "^x": inner(secret) } },
        others: { type: "object", additionalProperties: inner(secret) },
        closed: { type: "object", additionalProperties: false },
        either: { anyOf: [secret, open] },
        whole: { secret: true, ...inner(open) },
        default: { type: "string" },
      }),
    ).toEqual({
      secret: hidden,
      open,
      unset: { secret: true, default: null },
      template: { secret: true, default: "{{ st2kv.system.token }}" },
      nested: { type: "object", properties: { secret: hidden, open }, default: { secret: mask, open: "o" } },
      list: { type: "array", items: hidden, default: [mask] },
      tuple: { type: "array", items: [open, hidden], additionalItems: hidden },
      byPattern: { type: "object", patternProperties: { "^x": inner(hidden) } },
      others: { type: "object", additionalProperties: inner(hidden) },
      closed: { type: "object", additionalProperties: false },
      either: { anyOf: [hidden, open] },
      whole: { secret: true, ...inner({ ...open, default: mask }) },
      default: { type: "string" },
    });
  });
});

describe("masking", () => {
  test("hides what the schema calls secret, at any depth, and nothing else", () => {
    const values = {
      user: "ann",
      token: "t",
      login: { name: "ann", password: "p" },
      keys: ["a", "b"],
      other: 1,
    };
    expect(maskParameters(schemas, values)).toEqual({
      user: "ann",
      token: mask,
      login: { name: "ann", password: mask },
      keys: [mask, mask],
      other: 1,
    });
  });

  test("shows that a secret is not set", () => {
    expect(maskParameters(schemas, { token: null })).toEqual({ token: null });
  });

  test("hides a secret object and a secret number whole", () => {
    expect(maskConfig({ a: { secret: true }, b: { secret: true } }, { a: { x: 1 }, b: 7 })).toEqual({
      a: mask,
      b: mask,
    });
  });

  test("hides everything of an action that nobody knows any more", () => {
    expect(maskParameters(null, { cmd: "x", none: null })).toEqual({ cmd: mask, none: null });
  });

  test("shows templates where an author wrote them, and never in final values", () => {
    const values = { token: "{{ st2kv.system.token }}" };
    expect(maskRuleParameters(schemas, values)).toEqual(values);
    expect(maskConfig(schemas, values)).toEqual(values);
    expect(maskParameters(schemas, values)).toEqual({ token: mask });
  });

  test("knows the secrets of the runners, also when an action sets a default for one", () => {
    const action = { runner_type: "local-shell-cmd", parameters: { sudo_password: { immutable: true } } };
    expect(maskParameters(actionParameters(action), { cmd: "id", sudo_password: "p" })).toEqual({
      cmd: "id",
      sudo_password: mask,
    });
  });
});

describe("a masked value that is written back", () => {
  test("keeps what was stored, at any depth", () => {
    const stored = { token: "t", login: { name: "ann", password: "p" } };
    const incoming = { token: mask, login: { name: "bob", password: mask } };
    expect(keepMasked(schemas, incoming, stored)).toEqual({
      token: "t",
      login: { name: "bob", password: "p" },
    });
  });

  test("is that of the item that was shown so, wherever it is now", () => {
    const accounts = {
      type: "array",
      items: { type: "object", properties: { name: { type: "string" }, password: { secret: true } } },
    };
    const account = (name: string, password: string) => ({ name, password });
    const keep = (...incoming: readonly ReturnType<typeof account>[]) =>
      keepMasked(
        { accounts },
        { accounts: incoming },
        { accounts: [account("ann", "1"), account("bob", "2")] },
      ).accounts;
    expect(keep(account("bob", mask))).toEqual([account("bob", "2")]);
    expect(keep(account("bob", mask), account("ann", mask))).toEqual([
      account("bob", "2"),
      account("ann", "1"),
    ]);
    expect(keep(account("eve", "3"), account("ann", mask))).toEqual([
      account("eve", "3"),
      account("ann", "1"),
    ]);
    const keys = ["a", "b"];
    expect(keepMasked(schemas, { keys: [mask, mask] }, { keys })).toEqual({ keys });
  });

  test.each([
    [
      "one that takes another's place",
      [
        { name: "ann", password: mask },
        { name: "eve", password: mask },
      ],
      "1",
    ],
    ["one more", [{ name: "eve", password: mask }], "0"],
    [
      "one that was renamed",
      [
        { name: "anna", password: mask },
        { name: "bob", password: "3" },
      ],
      "0",
    ],
  ])(
    "in a list is refused for %s: it would get the secret of somebody else, or the mask",
    (_, incoming, at) => {
      const accounts = { items: { properties: { name: { type: "string" }, password: { secret: true } } } };
      const stored = [
        { name: "ann", password: "1" },
        { name: "bob", password: "2" },
      ];
      expect(() => keepMasked({ accounts }, { accounts: incoming }, { accounts: stored })).toThrow(
        expect.objectContaining({ code: "PACK_CONFIG", where: `accounts.${at}.password` }),
      );
    },
  );

  test.each([
    ["one of two went", [mask]],
    ["one of two became another", [mask, "new"]],
    ["one came", [mask, mask, mask]],
  ])("in a list of nothing but secrets is refused when %s, as nobody can tell which", (_, keys) => {
    expect(() => keepMasked({ keys: schemas.keys ?? {} }, { keys }, { keys: ["a", "b"] })).toThrow(/keys\.0/);
    expect(keepMasked(schemas, { keys: [mask, mask, "new"] }, { keys: ["a", "b"] }).keys).toEqual([
      "a",
      "b",
      "new",
    ]);
  });

  test("replaces what is new, and leaves a mask that stands for nothing", () => {
    expect(keepMasked(schemas, { token: "n", user: mask }, { token: "t", user: "u" })).toEqual({
      token: "n",
      user: mask,
    });
    expect(keepMasked(schemas, { token: mask }, {})).toEqual({ token: mask });
  });
});

test("an action's file may have a secret as a default, which nobody is shown; a template is", () => {
  const action = anAction({
    parameters: {
      token: { type: "string", secret: true, default: "hunter2" },
      key: { type: "string", secret: true, default: "{{ st2kv.system.key }}" },
      count: { type: "integer", default: 3 },
      // Its runner calls it secret.
      sudo_password: { default: "hunter2" },
    },
  });
  expect(actionView({ ...action, runner_type: "local-shell-cmd" }).parameters).toMatchObject({
    token: { default: mask },
    key: { default: "{{ st2kv.system.key }}" },
    count: { default: 3 },
    sudo_password: { default: mask },
  });
});

describe("a schema's other words", () => {
  const secret = { type: "string", secret: true };
  const wide = {
    accounts: { type: "object", additionalProperties: { type: "object", properties: { key: secret } } },
    tokens: {
      type: "object",
      patternProperties: { "^t_": secret },
      properties: { t_name: { type: "string" } },
    },
    pair: { type: "array", items: [{ type: "string" }, secret], additionalItems: secret },
    odd: { type: "object", patternProperties: { "(": secret } },
  } as unknown as Parameters<typeof maskConfig>[0];
  const values = {
    accounts: { a: { key: "k", name: "n" } },
    tokens: { t_name: "n", t_one: "x", other: "o" },
    pair: ["user", "x", "y"],
    odd: { any: "x" },
  };

  test("for members and items are followed to their secrets", () => {
    const shown = maskConfig(wide, values);
    expect(shown).toEqual({
      accounts: { a: { key: mask, name: "n" } },
      tokens: { t_name: "n", t_one: mask, other: "o" },
      pair: ["user", mask, mask],
      odd: { any: mask },
    });
    expect(keepMasked(wide, shown, values)).toEqual(values);
  });
});

describe("a result", () => {
  test.each([
    [
      "by a whole schema",
      { type: "object", properties: { token: { secret: true } } },
      { token: "t", n: 1 },
      { token: mask, n: 1 },
    ],
    [
      "by one for each member",
      { token: { type: "string", secret: true } },
      { token: "t", n: 1 },
      { token: mask, n: 1 },
    ],
    ["that is secret as a whole", { type: "string", secret: true }, "t", mask],
    ["without a schema", null, { token: "t" }, { token: "t" }],
    ["of another form", { type: "object", properties: { token: { secret: true } } }, [1], [1]],
  ])("is masked %s", (_, output_schema, output, shown) => {
    const action = anAction({ runner_type: "python-script", output_schema });
    expect(maskResult(action, { result: output, stdout: "", exit_code: 0 })).toEqual({
      result: shown,
      stdout: "",
      exit_code: 0,
    });
    expect(maskResult(action, null)).toBeNull();
  });
});

describe("output of an action", () => {
  const secret = { properties: { token: { type: "string", secret: true } }, type: "object" } as const;
  const from0 = { stdout: 0, stderr: 0 };
  const live = [
    { stream: "stdout", offset: 0, text: '{"token": "t"}' },
    { stream: "stderr", offset: 0, text: "log" },
  ] as const;
  const shownOf = (
    runner_type: string,
    output_schema: ReturnType<typeof anAction>["output_schema"],
    ended: boolean,
    stdout: Json = { token: "t" },
  ) => {
    const action = anAction({ ref: "mypack.act", pack: "mypack", runner_type, output_schema });
    const record = packRecord();
    const catalogue = buildCatalogue([{ ...record, pack: { ...record.pack, actions: [action] } }]);
    const told = { action: action.ref, runner: runner_type, result: { stdout, stderr: "log" }, ended };
    return outputView(catalogue, told, live, from0)
      .map(({ text }) => text)
      .join("|");
  };

  test.each([
    ["whose stdout may hold a secret is held back while it runs", "local-shell-script", secret, false, "log"],
    ["that is masked at the end", "local-shell-script", secret, true, `log|{\n  "token": "${mask}"\n}`],
    ["that is secret as a whole", "local-shell-cmd", { type: "string", secret: true }, true, `log|${mask}`],
    ["by members", "local-shell-cmd", { token: { secret: true } }, false, "log"],
    ["whose schema has no secret", "local-shell-cmd", { type: "object" }, false, '{"token": "t"}|log'],
    ["whose secrets are not in stdout", "python-script", secret, false, '{"token": "t"}|log'],
    ["without a schema", "local-shell-script", null, true, '{"token": "t"}|log'],
  ])("%s", (_, runner, schema, ended, shown) => {
    expect(shownOf(runner, schema, ended)).toBe(shown);
  });

  test("that was cut and is no JSON any more shows nothing of an object's secrets", () => {
    expect(shownOf("local-shell-script", secret, true, '{"token": "t", "mo')).not.toContain('"t"');
  });
});
