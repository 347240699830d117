/** What `npm start` prints of a chain. */
import { expect, it } from "vitest";
import type { Change } from "../../../hub/store/port/changes.ts";
import { chainLines } from "../../../scripts/chain-lines.ts";
import type { JsonObject } from "../../../shared/json.ts";
import { anExecution, anInstance, noon } from "../../support/records.ts";

const ended = { end_timestamp: new Date(noon).toISOString() };
const instance = (path: string): Change => ({
  type: "instance",
  instance: anInstance({ status: "processed", payload: { path, status: "created" } }),
});

it("each step is one line, and each status of an execution is told once", () => {
  const lines = chainLines();
  const changes: Change[] = [
    { type: "instance", instance: anInstance() },
    instance("/watched/hello"),
    { type: "execution", execution: anExecution() },
    { type: "execution", execution: anExecution({ rev: 2 }) },
    { type: "execution", execution: anExecution({ status: "running" }) },
    { type: "execution", execution: anExecution({ status: "failed", reason: "exit code 1", ...ended }) },
    { type: "down", agent: "web-1" },
  ];
  expect(changes.flatMap(lines).map((line) => line.trim().replace(/ +/g, " "))).toEqual([
    "12:00:00 change created /watched/hello",
    "trigger mypack.changed_file from agent web-1 (01HQ0000000000000000000001)",
    "execution core.noop on agent web-1 (01HQ0000000000000000000009)",
    "result failed: exit code 1 (01HQ0000000000000000000009)",
  ]);
});

it("a failed action's own words stand in for a reason, the first line of them", () => {
  const failed = (result: object, reason: string | null = null): Change => ({
    type: "execution",
    execution: anExecution({ status: "failed", reason, result: { ...result }, ...ended }),
  });
  const told = (change: Change) => chainLines()(change).map((line) => line.trim());
  expect(told(failed({ error: "EACCES: no\nat open", stderr: "x" }))).toEqual([
    expect.stringMatching(/^result {5}failed: EACCES: no {2}\(/),
  ]);
  expect(told(failed({ stderr: "sh: no such command\n" }))).toEqual([
    expect.stringMatching(/^result {5}failed: sh: no such command {2}\(/),
  ]);
  expect(told(failed({ stderr: "" }))).toEqual([expect.stringMatching(/^result {5}failed {2}\(/)]);
  expect(told(failed({ stderr: "sh: no such command\n" }, "exit code 127"))).toEqual([
    expect.stringMatching(/^result {5}failed: exit code 127: sh: no such command {2}\(/),
  ]);
  expect(told(failed({ stderr: "x" }, "timed out after 3 s"))[0]).toContain("failed: timed out after 3 s  (");
});

it.each([
  [{ exe: "/usr/bin/touch", user: "root", uid: 0 }, ", by /usr/bin/touch of root"],
  [{ exe: "/usr/bin/touch", user: null, uid: 1000 }, ", by /usr/bin/touch of 1000"],
  [{ unknown: "no rights" }, ", by whom is unknown: no rights"],
  [undefined, ""],
])("who made a change is said where it is known: %j", (actor, said) => {
  const payload = { path: "/etc/x", status: "modified", ...(actor && { actor }) };
  const [line] = chainLines()({ type: "instance", instance: anInstance({ status: "processed", payload }) });
  expect(line).toBe(`12:00:00  change     modified /etc/x${said}`);
});

it("what is no change of a file says what there is, and bookkeeping says nothing", () => {
  const told = (trigger: string, payload: JsonObject) =>
    chainLines()({ type: "instance", instance: anInstance({ status: "processed", trigger, payload }) });
  expect(told("watch.gap", { cause: "overflow", path: "/etc" })[0]).toBe("12:00:00  change     /etc");
  expect(told("watch.baseline_anchor", { count: 3 })).toEqual([]);
});

it("a file's name cannot act in the terminal", () => {
  const [line = ""] = chainLines()(
    instance("/watched/\x1b]0;title\x07\x9b2J\u202e\n12:00:01  change     forged"),
  );
  expect(line).toContain("\\u001b]0;title\\u0007");
  expect(line).not.toMatch(/[\p{Cc}\p{Cf}]/u);
});
