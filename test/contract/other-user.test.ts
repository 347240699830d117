/** Actions as another user of the host, with each runner that starts a process, with real processes. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, chown, mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { accountFinder, accountOf, closedFolder } from "../../agent/actions/account-fs.ts";
import type { Account } from "../../agent/actions/action-user.ts";
import { ActionUsers } from "../../agent/actions/action-users-process.ts";
import { groupAlive } from "../../agent/actions/group-process.ts";
import { type KernelSpawn, loadKernelSpawn } from "../../agent/actions/kernel-spawn-process.ts";
import { asUser } from "../../agent/actions/other-user.ts";
import type { JsonObject } from "../../shared/json.ts";
import type { ActionRequestEntry } from "../../shared/wire/messages.ts";
import { type BenchOptions, startRun } from "../support/runner-bench.ts";
import { nobody } from "../support/runner-settings.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

const member: Account = { ...nobody, groups: [4, 24] };
const command = 'id -u; id -g; id -G; pwd; printf "%s|" "$HOME" "$USER" "$ODD"; touch made; sleep "$LONG"';
type Work = Partial<ActionRequestEntry> & { readonly files?: NonNullable<BenchOptions["files"]> };
const runners: readonly [string, Work][] = [
  ["local-shell-cmd", { runner_parameters: { cmd: command } }],
  ["local-shell-script", { entry_point: "act.sh", files: { "actions/act.sh": `#!/bin/sh\n${command}\n` } }],
  [
    "python-script",
    {
      entry_point: "act.py",
      files: {
        "actions/act.py": `import subprocess
from st2common.runners.base_action import Action

class Act(Action):
    def run(self):
        print(subprocess.run(["sh", "-c", ${JSON.stringify(command)}], capture_output=True, text=True).stdout)
`,
      },
    },
  ],
  [
    "node-script",
    {
      entry_point: "act.ts",
      files: {
        "actions/act.ts": `import { spawnSync } from "node:child_process";
export class Act { run() { spawnSync("sh", ["-c", ${JSON.stringify(command)}], { stdio: "inherit" }); } }
`,
      },
    },
  ],
];

interface Way {
  readonly kernelSpawn: KernelSpawn | null;
  readonly setpriv: string | null;
}

/** As agents start processes where they can. */
const usual: Way = { kernelSpawn: loadKernelSpawn(), setpriv: "/usr/bin/setpriv" };
const byNode: Way = { ...usual, kernelSpawn: null };

async function runAs(account: Account, runner: string, work: Work, env: JsonObject, way: Way = usual) {
  const workFolder = await tempFolder("user");
  await chown(workFolder, account.uid, account.gid);
  const started = await startRun(
    runner,
    { ...work, runner_parameters: { ...work.runner_parameters, env } },
    {
      files: work.files ?? {},
      settings: {
        kernelSpawn: way.kernelSpawn,
        userOf: async () => ({ account, workFolder, setpriv: way.setpriv }),
      },
    },
  );
  // The pack's folder; mkdtemp(3) closes it to others.
  await chmod(started.folder, 0o755);
  return { started, workFolder };
}

const isRoot = process.getuid?.() === 0;
describe.runIf(isRoot).each(runners)("%s as another user", (runner, work) => {
  it.each([
    ["of one group", nobody, "65534", usual],
    ["of several groups", member, "65534 4 24", usual],
    ["of one group, by Node alone", nobody, "65534", { kernelSpawn: null, setpriv: null }],
    ["of several groups, by Node", member, "65534 4 24", byNode],
  ])(
    "%s is that user alone, with its own folder and its variables to the letter",
    async (_of, account, groups, way) => {
      const odd = "a 'quoted' \\n \"line\"\nand $another; ";
      const { started, workFolder } = await runAs(account, runner, work, { ODD: odd, LONG: "0" }, way);
      const { status, result } = await started.outcome;
      const { stdout } = result as { stdout: string };
      expect(status).toBe("succeeded");
      const [uid, gid, all, folder, ...rest] = stdout.trimEnd().split("\n");
      expect([uid, gid, folder]).toEqual(["65534", "65534", workFolder]);
      expect(all).toBe(groups);
      expect(rest.join("\n")).toBe(`/nonexistent|nobody|${odd}|`);
      expect((await stat(join(workFolder, "made"))).uid).toBe(65_534);
    },
  );

  it("is ended with all of its processes", async () => {
    const { started, workFolder } = await runAs(member, runner, work, { ODD: "", LONG: "600" });
    await waitUntil("it runs", () => existsSync(join(workFolder, "made")));
    started.stop({ kind: "cancel", reason: "enough" });
    expect(await started.outcome).toMatchObject({ status: "canceled" });
    expect(groupAlive(started.groups[0]?.pgid ?? 0)).toBe(false);
  });
});

describe.runIf(isRoot)("an action as a user of several groups", () => {
  it("brings none of its own programs and libraries to a process of root", async () => {
    const evil = await tempFolder("evil");
    await chmod(evil, 0o777);
    for (const name of ["setpriv", "sh", "printf", "bash"]) {
      await writeFile(join(evil, name), `#!/bin/bash\nid -u > ${evil}/ran-$(id -u)\n`);
      await chmod(join(evil, name), 0o755);
    }
    const env = {
      PATH: `${evil}:/usr/bin:/bin`,
      LD_PRELOAD: `${evil}/none.so`,
      ENV: `${evil}/sh`,
      BASH_ENV: `${evil}/sh`,
    };
    for (const way of [usual, byNode]) {
      const work = { runner_parameters: { cmd: "id -u" } };
      const { started } = await runAs(member, "local-shell-cmd", work, env, way);
      await started.outcome;
    }
    expect(await readdir(evil)).not.toContain("ran-0");
    const program = { command: "x", args: [], cwd: "/", env, gate: "go\n" };
    expect(Object.keys(asUser(program, member, "/usr/bin/setpriv").env).sort()).toEqual([
      "PATH",
      "ST2_ACTION_EXECUTION_ID",
    ]);
  });

  it.each([
    ["without setpriv", null, {}, "ACTION_USER"],
    ["with a variable that a shell cannot export", "/usr/bin/setpriv", { "a.b": "1" }, "PARAMETER_INVALID"],
    ["with a variable that is a shell's own", "/usr/bin/setpriv", { UID: "5" }, "PARAMETER_INVALID"],
  ])("is refused %s", (_name, setpriv, env, code) => {
    const program = { command: "x", args: [], cwd: "/", env, gate: "go\n" };
    expect(() => asUser(program, member, setpriv)).toThrow(expect.objectContaining({ code }));
  });
});

it.each([
  ["x", "65534", "4 24 65534", { uid: 65534, gid: 65534, groups: [4, 24] }],
  ["x", "4294967294", "", { uid: 4294967294 }],
  // What setresuid(2) reads as "leave it", and what wraps to root.
  ["x", "4294967295", "", null],
  ["x", "4294967296", "", null],
  ["x", "-1", "", null],
  ["x", "", "", null],
])("an account %s with the number '%s' and the groups '%s' is %j", (name, uid, groups, expected) => {
  const account = accountOf([name, "x", uid, uid === "65534" ? uid : "7", "", "/home", "/bin/sh"], groups);
  if (expected === null) expect(account).toBeNull();
  else expect(account).toMatchObject(expected);
});

it.runIf(isRoot)(
  "what survived of a user's group is found by a root that may not read its environment",
  async () => {
    // As in a container: with few capabilities.
    const program = fileURLToPath(new URL("../fixtures/programs/survivor-main.ts", import.meta.url));
    const { stdout } = await promisify(execFile)("/usr/bin/setpriv", [
      ...["--bounding-set", "-all,+setuid,+setgid,+setpcap,+kill,+chown,+dac_override,+fowner", "--"],
      ...[process.execPath, "--disable-warning=ExperimentalWarning", program],
    ]);
    expect(JSON.parse(stdout)).toEqual({ hidden: true, survivor: "ours", older: "gone" });
  },
);

describe("accounts", () => {
  const find = accountFinder(() => performance.now());
  it("are found with their groups, home and shell", async () => {
    expect(await find("nobody")).toMatchObject({ name: "nobody", uid: 65_534, home: "/nonexistent" });
    expect(await find("root")).toMatchObject({ uid: 0, gid: 0, home: "/root" });
  });

  it("are not found by the beginning of a name, or by what is none", async () => {
    expect(await find("nobod")).toBeNull();
    expect(await find("no-such-user-here")).toBeNull();
  });

  it("are not called unknown while the name service gives no answer", async () => {
    const bin = await tempFolder("bin");
    await writeFile(join(bin, "getent"), "#!/bin/sh\nexec sleep 60\n");
    await chmod(join(bin, "getent"), 0o755);
    const { PATH: before } = process.env;
    process.env.PATH = `${bin}:${before}`;
    onTestFinished(() => {
      process.env.PATH = before;
    });
    await expect(find("somebody-elsewhere")).rejects.toMatchObject({
      code: "ACTION_USER",
      message: expect.stringContaining("no answer"),
    });
  });

  it("that may not enter a folder on the way are told which", async () => {
    const outer = await tempFolder("outer");
    await mkdir(join(outer, "inner"), { mode: 0o755 });
    await chmod(outer, 0o700);
    expect(await closedFolder(join(outer, "inner"), nobody)).toBe(outer);
    await chmod(outer, 0o711);
    expect(await closedFolder(join(outer, "inner"), nobody)).toBeNull();
  });

  it.runIf(isRoot)("get a folder of their own", async () => {
    const workFolder = await tempFolder("work");
    const rules = { user: "nobody", runAs: [], sudo: false };
    const users = new ActionUsers({
      rules,
      own: { name: "root", isRoot: true },
      workFolder,
      monotonic: () => performance.now(),
    });
    const user = await users.of({ action: "core.local", runner_parameters: {} });
    expect(user?.workFolder).toBe(join(workFolder, "nobody"));
    const { uid, mode } = await stat(user?.workFolder ?? "");
    expect([uid, mode & 0o777]).toEqual([65_534, 0o700]);
    expect(dirname(user?.workFolder ?? "")).toBe(workFolder);
  });
});
