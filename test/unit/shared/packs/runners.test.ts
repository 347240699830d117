/** Names of runners: today's, yesterday's, missing, unknown. */
import { describe, expect, test } from "vitest";
import { findRunner, runnerParameters, runners } from "../../../../shared/packs/runners.ts";

describe("runners", () => {
  const rows: readonly (readonly [string, string])[] = [
    ["run-python", "python-script"],
    ["run-local", "local-shell-cmd"],
    ["run-local-script", "local-shell-script"],
    ["http-runner", "http-request"],
    ["node-script", "node-script"],
    ["noop", "noop"],
  ];
  test.for(rows)("%s means %s", ([name, canonical]) => {
    const found = findRunner(name);
    expect(found).toMatchObject({ kind: "known", legacy: name !== canonical });
    expect(found.kind === "known" && found.runner.name).toBe(canonical);
  });

  test.for(["orquesta", "action-chain", "remote-shell-cmd", "winrm-cmd", "inquirer", "announcement"])(
    "%s is StackStorm's, and missing here",
    (name) => {
      expect(findRunner(name)).toEqual({ kind: "missing" });
    },
  );

  test("an unknown one has a nearest name where one is near", () => {
    expect(findRunner("pyhton-script")).toEqual({ kind: "unknown", nearest: "python-script" });
    expect(findRunner("toString")).toMatchObject({ kind: "unknown" });
  });

  test("defaults are StackStorm's", () => {
    expect([...runners.keys()]).toEqual(Object.keys(runnerParameters));
    expect(runnerParameters["local-shell-cmd"]).toMatchObject({
      kwarg_op: { default: "--" },
      sudo: { default: false },
      timeout: { default: 60 },
      sudo_password: { secret: true },
    });
    expect(runnerParameters["python-script"]).toMatchObject({ timeout: { default: 600 } });
    expect(runnerParameters["http-request"]).toMatchObject({
      allow_redirects: { default: false },
      verify_ssl_cert: { default: true },
    });
    expect(runnerParameters.noop).toEqual({});
  });
});
