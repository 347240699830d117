/** Secrets of executions and requests: where they are taken out, who gets them back, and what people see. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createExecution, failedExecution, parametersAgain } from "../../../../hub/executions/request.ts";
import { createShrinker } from "../../../../hub/executions/shrink.ts";
import { divideParameters, mask } from "../../../../hub/secrets/mask.ts";
import { openedEntry } from "../../../../hub/secrets/opened-entry.ts";
import {
  openedParameters,
  resealed,
  shownExecution,
  withSealedResult,
} from "../../../../hub/secrets/sealed-execution.ts";
import { letterEntry, openedLetterEntry } from "../../../../hub/secrets/sealed-letter.ts";
import { openedRule, sealedRule, shownRule } from "../../../../hub/secrets/sealed-rule.ts";
import type { Sealer } from "../../../../hub/secrets/sealer.ts";
import { united } from "../../../../hub/secrets/united.ts";
import { openBlob } from "../../../../shared/blobs/sealed-blob.ts";
import { PetrelError } from "../../../../shared/errors.ts";
import type { Json, JsonObject } from "../../../../shared/json.ts";
import type { ParameterSchemas } from "../../../../shared/model/pack.ts";
import { systemRandom } from "../../../../shared/system-process.ts";
import type { ActionRequestEntry } from "../../../../shared/wire/messages.ts";
import { aNewExecution, anAction, anExecution, aRule } from "../../../support/records.ts";
import { testSealer } from "../../../support/test-sealer.ts";

const sealer = testSealer();
const secret = "Planted-9f3c71";
const login = anAction({
  ref: "mypack.login",
  runner_type: "local-shell-cmd",
  parameters: {
    user: { type: "string" },
    token: { type: "string", secret: true },
    pins: {
      type: "array",
      items: { type: "object", properties: { pin: { type: "integer", secret: true } } },
    },
  },
  output_schema: { session: { type: "string", secret: true }, seen: { type: "integer" } },
});
const given = {
  runner_parameters: { cmd: `login --token ${secret}`, timeout: 60 },
  parameters: { user: "ann", token: secret, pins: [{ pin: 1234 }, { pin: null }] },
};
const wanted = (id: string, definition = login, resolved: typeof given = given) =>
  aNewExecution({ id, action: { definition, pack_digest: "sha256:0" }, resolved });
const make = (id = "E1", definition = login, resolved: typeof given = given) =>
  createExecution(wanted(id, definition, resolved), sealer);

describe("a new execution with secrets", () => {
  const { execution, dispatch } = make();

  test("has them sealed, and so has its request; texts that quote them too", () => {
    expect(JSON.stringify([execution, dispatch])).not.toContain(secret);
    expect(execution.parameters).toEqual({
      cmd: `login --token ${mask}`,
      timeout: 60,
      user: "ann",
      token: mask,
      pins: [{ pin: mask }, { pin: null }],
    });
  });

  test("gives them back to another run, and to the agent, which is told what is secret", () => {
    const action = { definition: login, pack_digest: "sha256:0" };
    expect(parametersAgain(action, execution, sealer)).toEqual(given);
    const entry = openedEntry(dispatch.entry, sealer, ["sealed-blob"]) as ActionRequestEntry;
    expect(entry).toMatchObject({ ...given, secret: ["parameters", "result"] });
    expect(entry).not.toHaveProperty("sealed");
  });

  test("gives them to no other record, and not with another key", () => {
    const failing = expect.objectContaining({ code: "KEY_UNREADABLE" });
    const other = { ...make("E2").execution, sealed: execution.sealed ?? {} };
    expect(() => openedParameters(other, sealer)).toThrow(failing);
    expect(() => openedParameters(execution, testSealer(8))).toThrow(failing);
    const moved = {
      ...(make("E2").dispatch.entry as ActionRequestEntry),
      sealed: execution.sealed?.parameters ?? "",
    };
    expect(() => openedEntry(moved, sealer, ["sealed-blob"])).toThrow(failing);
    // A copy has them sealed anew.
    const copy = { ...execution, id: "E3", sealed: resealed(execution, "E3", sealer) ?? {} };
    expect(openedParameters(copy, sealer)).toMatchObject({ token: secret });
  });

  test("has large parameters in a blob that its request alone opens", async () => {
    const stored: Uint8Array[] = [];
    const put = async (bytes: Uint8Array) => {
      stored.push(bytes);
      return { digest: "sha256:0", size: bytes.length };
    };
    const large = { ...given, parameters: { ...given.parameters, user: "x".repeat(100 * 1024) } };
    const [shrunk] = await createShrinker({ put, sealer, random: systemRandom })([
      make("E4", login, large).dispatch,
    ]);
    expect(JSON.stringify([shrunk, Buffer.from(stored[0] ?? []).toString("latin1")])).not.toContain(secret);
    if (shrunk === undefined) throw new Error("no request");
    const entry = openedEntry(shrunk.entry, sealer, ["sealed-blob"]) as ActionRequestEntry;
    expect(entry).toMatchObject({ parameters: {}, runner_parameters: given.runner_parameters });
    const content = openBlob(stored[0] ?? new Uint8Array(), entry.parameters_key ?? "");
    expect(JSON.parse(Buffer.from(content).toString())).toEqual(large.parameters);
  });

  test("has them sealed when they do not resolve", () => {
    const { resolved: _, ...unresolved } = wanted("E5");
    const failed = failedExecution(unresolved, { token: secret }, { code: "X", message: "y" }, sealer);
    expect(JSON.stringify(failed)).not.toContain(secret);
    expect(openedParameters(failed, sealer)).toEqual({ token: secret });
  });

  test("is as it was without secrets: nothing is sealed, nothing is copied", () => {
    const plain = anAction({ ref: "mypack.plain", runner_type: "local-shell-cmd" });
    const made = make("E6", plain);
    expect(made.execution.sealed).toEqual({});
    expect(made.execution.parameters).toMatchObject({ token: secret });
    expect(openedEntry(made.dispatch.entry, sealer, ["sealed-blob"])).toBe(made.dispatch.entry);
  });
});

const keyless: Sealer = {
  ...sealer,
  seal: () => {
    throw new PetrelError("KEY_FILE", "datastore.key is missing");
  },
};

describe("a result with secrets", () => {
  const before = make().execution;
  const result = { stdout: { session: secret, seen: 1 }, stderr: "" };

  test.each<[string, Partial<typeof before>, Json, Json]>([
    ["as it should be", { result }, { ...result, stdout: { session: mask, seen: 1 } }, null],
    ["cut, a text", { result: { stdout: `{"session": "${secret}` } }, { stdout: mask }, null],
    [
      "late",
      { late_result: { status: "failed", result } },
      null,
      { status: "failed", result: { ...result, stdout: { session: mask, seen: 1 } } },
    ],
  ])("%s, is sealed by what was said when the execution was made", (_, told, shown, late) => {
    const kept = withSealedResult(before, { ...before, ...told }, sealer, undefined);
    expect(JSON.stringify(kept)).not.toContain(secret);
    expect([kept.result, kept.late_result]).toEqual([shown, late]);
    expect(Object.keys(kept.sealed ?? {})).toContain(late === null ? "result" : "late_result");
    expect(openedParameters(kept, sealer)).toMatchObject({ token: secret });
  });

  test("waits in a dead letter encrypted, and is whole when that is tried again", () => {
    const update = {
      id: "u1",
      at: "",
      kind: "execution-update",
      execution: "E1",
      status: "succeeded",
      secret: true,
      result,
    };
    const kept = letterEntry(update, sealer);
    expect(JSON.stringify(kept)).not.toContain(secret);
    expect(kept).not.toHaveProperty("left_out");
    expect(openedLetterEntry(kept.entry, sealer)).toEqual(update);
    const { secret: _, ...plain } = update;
    expect(letterEntry(plain, sealer).entry).toBe(plain);

    // Without a key it is lost, which the letter says; of what had none nothing is.
    const lost = letterEntry(update, keyless);
    expect(JSON.stringify(lost)).not.toContain(secret);
    expect(lost).toMatchObject({
      entry: { id: "u1", status: "succeeded" },
      left_out: [{ field: "result", what: "whole", code: "KEY_FILE", message: "datastore.key is missing" }],
    });
    const { result: _r, ...start } = { ...update, status: "running" };
    expect(letterEntry(start, keyless)).toEqual({ entry: start });
  });
});

describe("what people see when its action is gone", () => {
  const ended = { ...make().execution, result: { stdout: { session: secret, seen: 1 } } };

  test.each([
    [
      "of one that knows its secrets",
      ended,
      { user: "ann", token: mask },
      { stdout: { session: mask, seen: 1 } },
    ],
    [
      "of one without secrets",
      { ...ended, parameters: { a: 1 }, sealed: {} },
      { a: 1 },
      { stdout: { session: secret } },
    ],
    [
      "of one that an older hub made",
      anExecution({ parameters: { a: 1 }, result: { b: 2 } }),
      { a: mask },
      mask,
    ],
  ])("%s", (_, execution, parameters, result) => {
    const shown = shownExecution(execution, undefined);
    if (typeof result === "string") expect(shown.result).toBe(result);
    else expect(shown.result).toMatchObject(result);
    expect(shown.parameters).toMatchObject(parameters);
    expect(shown).not.toHaveProperty("sealed");
  });
});

test("a rule's literal secrets are sealed for it, and its templates stay to be read", () => {
  const rule = aRule({
    action: { ref: login.ref, parameters: { token: secret, user: "ann", pins: "{{ trigger.x }}" } },
  });
  const kept = sealedRule(rule, login, sealer);
  expect(JSON.stringify(kept)).not.toContain(secret);
  expect(openedRule(kept, sealer)).toEqual(rule);
  expect(shownRule(kept).action).toEqual({
    ref: login.ref,
    parameters: { token: mask, user: "ann", pins: "{{ trigger.x }}" },
  });
  expect(() => openedRule({ ...kept, ref: "mypack.other" }, sealer)).toThrow(
    expect.objectContaining({ code: "KEY_UNREADABLE" }),
  );
  expect(sealedRule(rule, undefined, sealer)).toBe(rule);
});

/** Values with a schema that calls some of what is in them secret. */
const value = fc.letrec<{ json: Json }>((tie) => ({
  json: fc.oneof(
    { depthSize: "small" },
    fc.string(),
    fc.integer(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("json"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom("a", "b", "0", "constructor"), tie("json"), { maxKeys: 3 }),
  ),
})).json;
const schema: fc.Arbitrary<ParameterSchemas[string]> = fc.letrec<{ schema: ParameterSchemas[string] }>(
  (tie) => ({
    schema: fc.oneof(
      { depthSize: "small" },
      fc.constant({}),
      fc.constant({ secret: true }),
      fc.record({
        properties: fc.dictionary(fc.constantFrom("a", "b", "0", "constructor"), tie("schema"), {
          maxKeys: 3,
        }),
      }),
      fc.record({ items: tie("schema") }),
      fc.record({ additionalProperties: tie("schema") }),
    ) as fc.Arbitrary<ParameterSchemas[string]>,
  }),
).schema;
const names = fc.constantFrom("a", "b", "constructor");

test("what is divided is whole again, whatever the schema and the values", () => {
  fc.assert(
    fc.property(fc.dictionary(names, schema), fc.dictionary(names, value), (schemas, values) => {
      const plain = JSON.parse(JSON.stringify(values)) as JsonObject;
      const divided = divideParameters({ ...schemas }, plain);
      expect(united(JSON.parse(JSON.stringify(divided)))).toEqual(plain);
    }),
  );
});
