/** The two binaries on a host that has neither Node nor node_modules on its path: hub, agent, sensors, actions. */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { PackageLicense } from "../../shared/licenses/license.ts";
import { version } from "../../shared/version.ts";
import { sharedByFile } from "../support/at-end.ts";
import { commandPath } from "../support/command-path.ts";
import { agentReady, createAgent, createHub, type TestHub } from "../support/fleet.ts";
import { processesAtHome } from "../support/home-processes.ts";
import { runPetrel } from "../support/run-petrel.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

/** What a host has: no Node, no npm. */
const bare = { PATH: "/usr/bin:/bin", NODE_OPTIONS: "--no-such-option", NODE_COMPILE_CACHE: "/nowhere" };

interface Execution {
  readonly id: string;
  readonly action: string;
  readonly status: string;
  readonly agent: string;
  readonly result: { readonly result?: unknown; readonly stdout?: string } | null;
}

const fleet = sharedByFile(async () => {
  const hub = await createHub();
  await hub.start(bare);
  const agent = await createAgent(hub, "web-1", ["role=web"]);
  agent.start(bare);
  await agentReady(hub, "web-1");
  return { hub, agent };
});

const petrel = (hub: TestHub, ...args: readonly string[]) =>
  runPetrel([...args, "--data", hub.data], { env: bare });

async function settled(hub: TestHub, action: string): Promise<Execution> {
  return waitUntil(`an execution of ${action}`, async () => {
    const all = await hub.all<Execution>("/v1/executions");
    return all.find(
      (one) => one.action === action && !["requested", "scheduled", "running"].includes(one.status),
    );
  });
}

describe("the two binaries", () => {
  test.each(["petrel", "petrel-agent"] as const)(
    "%s says its version, and what is inside",
    async (command) => {
      const asked = await runPetrel(["--version"], { command, env: bare });
      expect(asked).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
      const { code, stdout } = await runPetrel(["licenses", "--json"], { command, env: bare });
      expect(code).toBe(0);
      const { packages } = JSON.parse(stdout) as { readonly packages: readonly PackageLicense[] };
      const named = packages.map(({ name }) => name);
      expect(named).toEqual(
        expect.arrayContaining([expect.stringMatching(/^node-linux-/), "koffi", "classic-level", "mqtt"]),
      );
      expect(named.includes("fastify")).toBe(command === "petrel");
      expect(packages.filter(({ license }) => license === "UNKNOWN")).toEqual([]);
    },
  );

  test("run a pack in TypeScript, its sensor in a process of its own that has not stripped it", async () => {
    const { hub, agent } = fleet();
    const folder = await tempFolder("packs");
    expect((await petrel(hub, "pack", "create", "heartbeat", "--dir", folder)).code).toBe(0);
    const tested = await petrel(hub, "pack", "test", join(folder, "heartbeat"), "--json");
    expect(JSON.parse(tested.stdout)).toMatchObject({ ok: true, failed: 0 });
    expect((await petrel(hub, "pack", "register", join(folder, "heartbeat"))).code).toBe(0);
    expect(await settled(hub, "heartbeat.note")).toMatchObject({ status: "succeeded", agent: "web-1" });
    const sensors = processesAtHome(agent.daemon().home).filter(({ sensor }) => sensor !== null);
    // Under qemu its own name comes first.
    expect(sensors.map(({ command }) => command)).toEqual([
      expect.stringMatching(/\/linux-\w+\/petrel-agent __sensor$/),
    ]);
    const [id = ""] = readdirSync(join(agent.data, "runtime"));
    expect(readdirSync(join(agent.data, "runtime", id, "stripped"))).toHaveLength(1);
  });

  test("run a pack in Python with the modules of StackStorm, from the state folder", async () => {
    const { hub, agent } = fleet();
    const folder = await tempFolder("packs");
    expect((await petrel(hub, "pack", "create", "notes", "--language", "python", "--dir", folder)).code).toBe(
      0,
    );
    expect((await petrel(hub, "pack", "register", join(folder, "notes"))).code).toBe(0);
    expect(await settled(hub, "notes.note")).toMatchObject({ status: "succeeded" });
    const commands = processesAtHome(agent.daemon().home).map(({ command }) => command);
    expect(
      commands.filter((line) => line.includes(`${agent.data}/runtime/`) && line.includes("petrel_sensor.py")),
    ).toHaveLength(1);
  });

  test("tell a change of a watched file, of which a rule makes an action", async () => {
    const { hub } = fleet();
    const watched = await tempFolder("watched");
    await hub.api("POST", "/v1/rules", {
      name: "seen",
      enabled: true,
      trigger: { type: "watch.file_changed" },
      action: { ref: "core.local", parameters: { cmd: "echo seen {{ trigger.path }}" } },
    });
    const config = JSON.stringify([{ path: watched }]);
    const assigned = await petrel(
      hub,
      "pack",
      "assign",
      "watch",
      "--labels",
      "role=web",
      "--set",
      `paths=${config}`,
      "--wait",
    );
    expect(assigned).toMatchObject({ code: 0 });
    writeFileSync(join(watched, "new"), "x");
    const { result } = await settled(hub, "core.local");
    expect(result?.stdout).toBe(`seen ${join(watched, "new")}`);
  });

  test("unpack to a folder that nobody else can write to, and mend what was changed there", async () => {
    const { agent } = fleet();
    const [id = ""] = readdirSync(join(agent.data, "runtime"));
    const own = join(agent.data, "runtime", id);
    expect([own, join(own, "native")].map((path) => statSync(path).mode & 0o022)).toEqual([0, 0]);
    await agent.stop();
    const module = join(own, "agent/python/petrel_action.py");
    const before = readFileSync(module);
    writeFileSync(module, "raise SystemExit('changed')\n");
    agent.start(bare);
    await waitUntil("the module as it was", () => readFileSync(module).equals(before));
    await waitUntil("the agent's own socket", () => existsSync(join(agent.data, "agent.sock")));
    await agent.stop();
    chmodSync(own, 0o777);
    agent.start(bare);
    expect(await agent.daemon().ended()).toMatchObject({ code: 4 });
    await waitUntil("the reason in its log", () =>
      /RUNTIME_UNSAFE: .*others may write to it \(mode 777\)/.test(agent.daemon().log()),
    );
  });

  // qemu reads what it runs, and noexec is nothing to it.
  const noNoexec = process.getuid?.() !== 0 || process.env.PETREL_EMULATED === "1";
  test.skipIf(noNoexec)("say that a folder is mounted noexec", async () => {
    const folder = await tempFolder("noexec");
    mkdirSync(join(folder, "state"));
    const line = `mount -t tmpfs -o noexec,mode=755 none ${folder}/state && exec ${commandPath("petrel-agent")} run --dev --data ${folder}/state --hub mqtt://127.0.0.1:1`;
    const run = () =>
      execFileSync("unshare", ["-m", "sh", "-c", line], {
        env: bare,
        stdio: "pipe",
        encoding: "utf8",
        timeout: 60_000,
        killSignal: "SIGKILL",
      });
    expect(run).toThrow(/RUNTIME_NOEXEC: .* is mounted noexec/);
  });

  test("install themselves below a folder", async () => {
    const { hub } = fleet();
    const image = await tempFolder("image");
    const told = async (command: "petrel" | "petrel-agent", ...args: readonly string[]) => {
      const { code, stdout, stderr } = await runPetrel([...args, "--root", image, "--json"], {
        command,
        env: bare,
      });
      return { code, stderr, record: code === 0 ? JSON.parse(stdout) : null };
    };
    for (const command of ["petrel", "petrel-agent"] as const) {
      const flags = command === "petrel" ? [] : ["--hub", hub.mqtt];
      const made = await told(command, "install", ...flags);
      expect(made).toMatchObject({ code: 0, record: { version, before: null } });
      const installed = join(image, "usr/local/bin", command);
      expect(lstatSync(installed).isSymbolicLink()).toBe(true);
      const kept = join(image, "opt/petrel", command === "petrel" ? "hub" : "agent", "current", command);
      // It was run to ask for its version; here it may be another machine's.
      expect(readFileSync(kept).subarray(0, 4).toString("latin1")).toBe("\x7fELF");
      expect(await told(command, "uninstall")).toMatchObject({ code: 0 });
    }
  });
});
