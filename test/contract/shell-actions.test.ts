/** What is special about shell commands and scripts. */

import { chmod, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Account } from "../../agent/actions/action-user.ts";
import type { JsonObject } from "../../shared/json.ts";
import { type BenchOptions, startRun } from "../support/runner-bench.ts";
import { nobody } from "../support/runner-settings.ts";
import { tempFolder } from "../support/temp-folder.ts";

async function shell(runner_parameters: JsonObject, options: BenchOptions = {}): Promise<JsonObject> {
  const { status, result } = await (await startRun("local-shell-cmd", { runner_parameters }, options))
    .outcome;
  return { status, ...(result as JsonObject) };
}

describe("local-shell-cmd", () => {
  it("has StackStorm's result", async () => {
    expect(await shell({ cmd: "echo '{\"a\": 1}'; echo oops >&2; exit 4" })).toEqual({
      status: "failed",
      failed: true,
      succeeded: false,
      return_code: 4,
      stdout: { a: 1 },
      stderr: "oops",
    });
  });

  it("runs in bash where there is one", async () => {
    expect(await shell({ cmd: "[[ abc == a* ]] && echo yes" })).toMatchObject({
      succeeded: true,
    });
  });

  it("waits at its gate in the agent's shell, whatever the action's own PATH says", async () => {
    const ran = await shell({ cmd: "echo here", env: { PATH: "/nowhere" } });
    expect(ran).toMatchObject({ succeeded: true, stdout: "here" });
  });

  it("runs in sh where there is no bash", async () => {
    const bin = await tempFolder("bin");
    for (const name of ["sh", "ls", "printf"]) await symlink(`/bin/${name}`, join(bin, name));
    const ran = await shell(
      { cmd: '[ -z "$BASH_VERSION" ] && echo none' },
      { settings: { env: { PATH: bin } } },
    );
    expect(ran).toMatchObject({ succeeded: true });
    expect(String(ran.stdout)).toContain("none");
  });

  it("runs no start-up file of the user", async () => {
    const home = await tempFolder("home");
    await writeFile(join(home, ".bashrc"), "echo from bashrc\n");
    const ran = await shell(
      { cmd: "echo $HOME" },
      { settings: { env: { PATH: process.env.PATH ?? "", HOME: home } } },
    );
    expect(ran).toMatchObject({ stdout: home, stderr: "" });
  });

  it("runs in the folder it is given", async () => {
    const cwd = await tempFolder("cwd");
    expect((await shell({ cmd: "pwd", cwd })).stdout).toBe(cwd);
  });

  it("shows no part of the command in the process table", async () => {
    const ran = await shell({ cmd: "tr '\\0' ' ' < /proc/$$/cmdline; : topsecret" });
    expect(String(ran.stdout)).toContain("bash --norc -c");
    expect(String(ran.stdout)).not.toContain("topsecret");
  });

  it("takes commands that are longer than an argument may be", async () => {
    const long = "x".repeat(200_000);
    expect((await shell({ cmd: `printf %s '${long}'` })).stdout).toBe(long);
  });

  it("ends with its command, not with what that left running", async () => {
    const started = await startRun("local-shell-cmd", { runner_parameters: { cmd: "sleep 600 & echo $!" } });
    const { status, result } = await started.outcome;
    const child = Number((result as JsonObject).stdout);
    expect(status).toBe("succeeded");
    process.kill(child, "SIGKILL");
  });

  it.each([
    ["no command", {}, "PARAMETER_MISSING"],
    ["a NUL in it", { cmd: "a\0b" }, "PARAMETER_INVALID"],
    ["a folder that is a file", { cmd: "pwd", cwd: "/etc/passwd" }, "ACTION_START"],
  ])("refuses %s", async (_what, parameters, code) => {
    await expect(shell(parameters)).rejects.toMatchObject({ code });
  });
});

describe("local-shell-script", () => {
  it("gives the script its named, then its positional arguments, and makes it executable", async () => {
    const started = await startRun(
      "local-shell-script",
      {
        entry_point: "act.sh",
        parameters: { file: "it's", flag: true, list: [1, 2], count: 3 },
        positional: ["list", "file"],
        runner_parameters: { kwarg_op: "-" },
      },
      { files: { "actions/act.sh": '#!/bin/sh\nfor word in "$@"; do echo "<$word>"; done\n' } },
    );
    const { result } = await started.outcome;
    expect((result as JsonObject).stdout).toBe("<-flag>\n<-count=3>\n<1,2>\n<it's>");
  });

  it("refuses an entry point that leads out of the pack", async () => {
    const started = await startRun(
      "local-shell-script",
      { entry_point: "../../../../bin/true" },
      { files: { "actions/x": "" } },
    );
    await expect(started.outcome).rejects.toMatchObject({ code: "PACK_ENTRY_POINT" });
  });
});

/** A stand-in with sudo's manners: reads the password from standard input only if it needs one. */
const fakeSudo = (needsPassword: boolean) => `#!/bin/bash
echo "sudo $*" >> "$SUDO_LOG"
while [ $# -gt 0 ] && [ "$1" != -- ]; do shift; done; shift
if ${needsPassword}; then
  IFS= read -r given
  if [ "$given" != right ]; then echo "sudo: 1 incorrect password attempt" >&2; exit 1; fi
fi
exec "$@"
`;

describe.runIf(process.getuid?.() === 0)("sudo", () => {
  const withSudo = async (needsPassword: boolean, parameters: JsonObject, account?: Account) => {
    const folder = await tempFolder("sudo");
    await chmod(folder, 0o777);
    await writeFile(join(folder, "sudo"), fakeSudo(needsPassword));
    await chmod(join(folder, "sudo"), 0o755);
    const log = join(folder, "log");
    const env = { PATH: `${folder}:${process.env.PATH}`, SUDO_LOG: log };
    const settings = {
      env,
      workFolder: "/",
      ...(account && { userOf: async () => ({ account, workFolder: "/", setpriv: null }) }),
    };
    const ran = await shell({ cmd: "id -u; cat", sudo: true, ...parameters }, { settings });
    return { ran, log: await readFile(log, "utf8").catch(() => "not called") };
  };

  it("is left out when the agent is root already", async () => {
    const { ran, log } = await withSudo(true, {});
    expect(ran).toMatchObject({ succeeded: true, stdout: 0 });
    expect(log).toBe("not called");
  });

  it("gets the password on standard input, in no argument", async () => {
    const { ran, log } = await withSudo(true, { sudo_password: "right" }, nobody);
    expect(ran).toMatchObject({ succeeded: true, stdout: 65_534, stderr: "" });
    expect(log).toContain("sudo -S -p  -E -- bash --norc -c");
    expect(log).not.toContain("right");
  });

  it("leaves no password to the command when it did not ask for one", async () => {
    const { ran } = await withSudo(false, { sudo_password: "touch /tmp/password-ran" }, nobody);
    expect(ran).toMatchObject({ succeeded: true, stdout: 65_534, stderr: "" });
  });

  it("answers a wrong password as StackStorm does", async () => {
    const { ran } = await withSudo(true, { sudo_password: "wrong" }, nobody);
    expect(ran).toMatchObject({
      status: "failed",
      return_code: -1,
      error: expect.stringContaining("Invalid sudo password"),
    });
  });

  it("never waits for a password that was not given", async () => {
    const { log } = await withSudo(false, {}, nobody);
    expect(log).toContain("sudo -n -E -- bash --norc -c");
  });
});
