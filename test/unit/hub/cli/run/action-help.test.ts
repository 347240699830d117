import { describe, expect, test } from "vitest";
import { actionHelp } from "../../../../../hub/cli/run/action-help.ts";
import { anAction } from "../../../../support/records.ts";

describe("what an action takes, as text", () => {
  test("names each parameter with what is to be known of it, required ones first", () => {
    const action = anAction({
      ref: "mypack.deploy",
      description: "Puts a version on a host.\n",
      runner_type: "noop",
      parameters: {
        level: { type: "string", enum: ["low", "high"], default: "low", description: "How much.\nOr more." },
        token: { type: "string", secret: true, default: "hunter2" },
        mode: { type: "string", immutable: true, default: "fast", required: true },
        site: { type: "string", required: true, position: 1 },
        count: { type: "integer", required: true, position: 0 },
        tries: { type: "integer", required: true, default: 2 },
        hosts: { type: "array", default: ["a", "b"] },
        maybe: { type: "string", default: null },
      },
    });
    expect(actionHelp(action)).toBe(`Usage: petrel run mypack.deploy [options] [name=value...]

Puts a version on a host.

Runner: noop

Required parameters:
  count (integer, position 0)
  site (string, position 1)

Optional parameters:
  level (string, one of low, high, default low)
      How much.
      Or more.
  token (string, secret, default ********)
  tries (integer, default 2)
  hosts (array, default ["a","b"])
  maybe (string)

Parameters that the action fixes:
  mode (string, always fast)

Example:
  petrel run mypack.deploy count=3 site=text

\`petrel run --help\` shows the options.
`);
  });

  test("has those of its runner after its own, and says when there are none, or when it is switched off", () => {
    const shell = anAction({ runner_type: "local-shell-cmd", parameters: { own: { type: "string" } } });
    expect(actionHelp(shell)).toMatch(/Optional parameters:\n {2}own \(string\)\n {2}cmd \(string\)\n/);
    const none = actionHelp(anAction({ enabled: false }));
    expect(none).toContain("Runner: noop; the action is switched off\n\nIt takes no parameters.\n\nExample:");
  });
});
