/** What actions' `notify` tells of their ends, by StackStorm's notifier. */
import { describe, expect, test } from "vitest";
import { type EndedExecution, messagesOf } from "../../../../hub/rules/notifications.ts";
import type { Status } from "../../../../shared/model/execution.ts";

const ended = (status: Status = "succeeded"): EndedExecution => ({
  id: "01J",
  action: "ops.deploy",
  pack: "ops",
  status,
  parameters: { file: "/tmp/a", text: "{{ 7 * 7 }}", token: "********" },
  result: { stdout: "out", return_code: 0 },
  user: "stanley",
  rule: "ops.on_push",
  trigger_instance: "01I",
  trace_tag: null,
  agent: "web-1",
});
const keys = { system: (name: string) => (name === "team" ? "blue" : undefined) };
const notification = (message: string | null, data = {}) => ({ message, data, routes: ["chat"] });
const messageOf = (message: string | null) =>
  messagesOf({ "on-complete": notification(message) }, ended(), keys)[0]?.message;

describe("a message", () => {
  test.each<[string, string | null, string]>([
    ["plain", "done", "done"],
    ["of its parameters", "{{action_parameters.file}} is done", "/tmp/a is done"],
    ["of its result", "{{ action_results.return_code }}: {{ action_results['stdout'] }}", "0: out"],
    [
      "of its surroundings",
      "{{ action_context.rule }} by {{ action_context.user }}",
      "ops.on_push by stanley",
    ],
    ["of the datastore", "for {{ st2kv.system.team }}", "for blue"],
    ["that nobody wrote", null, "Action ops.deploy completed."],
    ["that cannot be rendered stays", "{{ action_parameters.nothing }}", "{{ action_parameters.nothing }}"],
    ["that cannot be read stays", "{{ ", "{{ "],
    ["that holds a template of a parameter shows it", "{{ action_parameters.text }}", "{{ 7 * 7 }}"],
    [
      "opens no secret of the datastore",
      "{{ st2kv.system.team | decrypt_kv }}",
      "{{ st2kv.system.team | decrypt_kv }}",
    ],
  ])("%s", (_what, given, told) => {
    expect(messageOf(given)).toBe(told);
  });

  test("its data is rendered leaf by leaf, and brings the result as text", () => {
    const data = { who: "{{action_context.pack}}", list: [{ code: "{{action_results.return_code}}" }, 1] };
    const [message] = messagesOf({ "on-complete": notification("m", data) }, ended(), keys);
    expect(message?.data).toEqual({
      who: "ops",
      list: [{ code: "0" }, 1],
      result: '{"stdout":"out","return_code":0}',
    });
  });
});

describe("what is told", () => {
  const notify = {
    "on-complete": { message: null, data: {}, routes: ["a", "b"] },
    "on-success": notification(null),
    "on-failure": notification(null),
  };
  test.each<[Status, readonly string[]]>([
    ["succeeded", ["a: completed.", "b: completed.", "chat: succeeded."]],
    ["failed", ["a: completed.", "b: completed.", "chat: failed."]],
    ["timeout", ["a: completed.", "b: completed.", "chat: failed."]],
    ["abandoned", ["a: completed.", "b: completed.", "chat: failed."]],
    ["canceled", ["a: completed.", "b: completed."]],
  ])("of %s", (status, told) => {
    const messages = messagesOf(notify, ended(status), keys);
    expect(messages.map(({ route, message }) => `${route}: ${message.split(" ").at(-1)}`)).toEqual(told);
  });

  test("nothing without routes", () => {
    expect(messagesOf({ "on-complete": { message: "m", data: {}, routes: [] } }, ended(), keys)).toEqual([]);
  });
});
