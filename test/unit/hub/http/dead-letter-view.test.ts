import { expect, test } from "vitest";
import { deadLetterView } from "../../../../hub/http/dead-letter-view.ts";
import { buildCatalogue } from "../../../../hub/packs/catalogue.ts";
import type { DeadLetter } from "../../../../hub/store/port/history.ts";
import { timestamp } from "../../../../shared/clock.ts";
import type { Json } from "../../../../shared/json.ts";
import { noon } from "../../../support/records.ts";
import { aPackRecord } from "../../../support/start-api.ts";

const letter = (entry: Json): DeadLetter => ({
  id: "1",
  agent: "web-1",
  received_at: timestamp(noon),
  code: "WIRE_PACKET",
  reason: "",
  entry,
});
const shown = (entry: Json) => deadLetterView(buildCatalogue([aPackRecord()]), letter(entry)).entry;

test("a request shows what an execution would", () => {
  const entry = {
    kind: "action-request",
    action: "mypack.login",
    parameters: { token: "t", count: 1 },
    user: "ann",
  };
  expect(shown(entry)).toEqual({ ...entry, parameters: { token: "********", count: 1 } });
});

test("of an action that is gone nothing is shown", () => {
  const entry = {
    kind: "action-request",
    action: "gone.gone",
    parameters: { a: 1 },
    runner_parameters: { cmd: "x" },
  };
  expect(shown(entry)).toEqual({
    ...entry,
    parameters: { a: "********" },
    runner_parameters: { cmd: "********" },
  });
});

test("an assignment shows names alone", () => {
  expect(shown({ kind: "assignment", pack: "mypack", config: { a: { b: 1 }, c: 2 } })).toEqual({
    kind: "assignment",
    pack: "mypack",
    config: { a: "********", c: "********" },
  });
});

test.each([null, "text", [1], { kind: "trigger", payload: { token: "t" } }])("%j stays as it is", (entry) => {
  expect(shown(entry as Json)).toEqual(entry);
});
