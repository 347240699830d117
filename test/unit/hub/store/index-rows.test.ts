/** What each record costs in rows of indexes: none for statuses that nearly all have, or have for a moment. */
import { expect, test } from "vitest";
import { executionRows, instanceRows } from "../../../../hub/store/index-rows.ts";
import type { Status } from "../../../../shared/model/execution.ts";
import type { TriggerInstanceStatus } from "../../../../shared/model/trigger.ts";
import { anExecution, anInstance } from "../../../support/records.ts";

const ofStatus = (rows: readonly string[]) => rows.filter((row) => /^(?:e[so]|is)\//.test(row));

test.each<[Status, readonly string[]]>([
  ["scheduled", ["eo/web-1/x"]],
  ["running", ["eo/web-1/x"]],
  ["succeeded", []],
  ["failed", ["es/failed/x"]],
  ["abandoned", ["es/abandoned/x"]],
])("an execution that is %s has %j", (status, expected) => {
  const rows = executionRows(anExecution({ id: "x", agent: "web-1", status }));
  expect(ofStatus(rows)).toEqual(expected);
  expect(rows).toContain("eg/web-1/x");
});

test.each<[TriggerInstanceStatus, readonly string[]]>([
  ["pending", ["is/pending/7"]],
  ["processed", []],
  ["processing_failed", ["is/processing_failed/7"]],
])("an instance that is %s has %j", (status, expected) => {
  expect(ofStatus(instanceRows(anInstance({ status }), "7"))).toEqual(expected);
});
