/** Processes that are started by vfork(2): nothing of the agent is theirs, and nothing of them stays with the agent. */
import { readdirSync } from "node:fs";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { loadKernelSpawn } from "../../agent/actions/kernel-spawn-process.ts";
import { type ProcessStart, startProcess } from "../../agent/actions/started-process.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

const kernel = loadKernelSpawn();
const usual: ProcessStart = {
  command: "sh",
  args: [],
  cwd: "/",
  env: { PATH: "/usr/bin:/bin", A: "b c" },
  stdio: ["ignore", "socket", "socket"],
};

const run = async (script: string, over: Partial<ProcessStart> = {}) => {
  const { child } = await startProcess({ ...usual, args: ["-c", script], ...over }, kernel);
  const [, out, err] = child.stdio;
  if (!out || !err) throw new Error("no output");
  const [stdout, stderr, ended] = await Promise.all([text(out), text(err), child.ended]);
  return { stdout, stderr, ended, hasEnded: child.hasEnded() };
};

it("is how processes are started here", () => {
  expect(kernel).not.toBeNull();
});

describe("a child", () => {
  it("has its folder, its environment and nothing else of ours", async () => {
    const folder = await tempFolder("cwd");
    expect(await run("pwd; env | grep -v ^PWD= | sort; readlink /proc/self/fd/0", { cwd: folder })).toEqual({
      stdout: `${folder}\nA=b c\nPATH=/usr/bin:/bin\n/dev/null\n`,
      stderr: "",
      ended: [0, null],
      hasEnded: true,
    });
    // ls has one for the folder it reads.
    expect((await run("ls /proc/self/fd | wc -l")).stdout).toBe("4\n");
  });

  it("leads a session, and has every signal as the kernel gives it", async () => {
    // Its own signals, not those of a shell that waits for it: that blocks all of them for a moment.
    const { stdout } = await run(
      "cut -d ' ' -f 1,5,6 /proc/$$/stat; exec grep -E 'Sig(Blk|Ign)' /proc/self/status",
    );
    const [ids = "", ...signals] = stdout.trimEnd().split("\n");
    expect(new Set(ids.split(" ")).size).toBe(1);
    expect(signals.map((line) => /[1-9a-f]/.test(line.split(":")[1] ?? "1"))).toEqual([false, false]);
  });

  it.each([
    ["an exit code", "exit 3", [3, null]],
    ["a signal", "kill -9 $$", [null, "SIGKILL"]],
    ["another signal", "kill -TERM $$", [null, "SIGTERM"]],
  ])("ends with %s", async (_name, script, ended) => {
    expect((await run(script)).ended).toEqual(ended);
  });

  it("gets further sockets by their numbers", async () => {
    const stdio = ["ignore", "socket", "socket", "socket", "socket"] as const;
    const { child } = await startProcess({ ...usual, args: ["-c", "cat <&3 >&4"], stdio }, kernel);
    const [, , , there, back] = child.stdio;
    there?.end("and back");
    expect(back && (await text(back))).toBe("and back");
    expect(await child.ended).toEqual([0, null]);
    for (const socket of child.stdio) socket?.destroy();
  });

  it("is one of many: none is lost, and no descriptor is left", async () => {
    const open = () => readdirSync("/proc/self/fd").length;
    await run("true");
    const before = open();
    const codes = Array.from({ length: 60 }, (_, n) => n);
    const ended = await Promise.all(codes.map((code) => run(`exit ${code}`)));
    expect(ended.map(({ ended: [code] }) => code)).toEqual(codes);
    await waitUntil("all descriptors to be closed", () => open() <= before);
  });
});

describe("what cannot be started", () => {
  it.each([
    ["is not there", { command: "no-such-program" }, "ENOENT"],
    ["is not there by its path", { command: "/no/such/program" }, "ENOENT"],
    ["may not be run", { command: "/etc/passwd" }, "EACCES"],
    ["is to run in no folder", { cwd: "/no/such/folder" }, "ENOENT"],
  ])("says so: what %s", async (_name, over, code) => {
    const before = readdirSync("/proc/self/fd").length;
    await expect(startProcess({ ...usual, ...over }, kernel)).rejects.toMatchObject({ code });
    expect(readdirSync("/proc/self/fd").length).toBe(before);
  });

  it("in the first folder of the search path may be in the next", async () => {
    const [closed, open] = [await tempFolder("bin"), await tempFolder("bin")];
    for (const folder of [closed, open]) await writeFile(join(folder, "tool"), "#!/bin/sh\necho $0\n");
    await chmod(join(open, "tool"), 0o755);
    const env = { PATH: `${closed}:relative::${open}` };
    expect((await run("", { command: "tool", args: [], env })).stdout).toBe(`${open}/tool\n`);
  });
});
