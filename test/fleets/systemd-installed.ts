/** What both programs promise of `install`, `upgrade` and `uninstall`, seen on a hub and an agent with systemd. */

import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { waitUntil } from "../support/wait-until.ts";
import type { DebianHost } from "./debian-process.ts";
import {
  Action,
  inForce,
  isActive,
  isEnabled,
  isWell,
  json,
  lay,
  mainPid,
  online,
  type UpgradeEnd,
} from "./installed-host.ts";
import { badVersion, nowhere, type Releases, versions } from "./releases-process.ts";
import type { Report } from "./report.ts";

export interface Walk {
  readonly report: Report;
  readonly releases: Releases;
  address(name: string): string;
  boot(name: string): Promise<DebianHost>;
}

const [first, second, third] = versions;
/** Of trials: shorter than the usual ones, for what is never well. */
const trial = ["--within", "30", "--steady", "3"];
const agentUnit = "petrel-agent.service";
const hubUnit = "petrel-hub.service";
const actionsUnit = "petrel-actions.service";
const mib = 1 << 20;

export async function installedSteps({ report, releases, address, boot }: Walk): Promise<void> {
  const hub = await boot("hub");
  const web = await boot("web-1");
  const programs = join(tmpdir(), "bad");
  const hubFiles = await files(hub);
  const webFiles = await files(web);
  const url = `mqtts://${address("hub")}`;

  await report.step("hub: petrel install", async () => {
    const program = lay(hub, releases.program(first, "petrel"));
    const made = await json<{ started: boolean }>(hub, program, "install");
    expect(made.started).toBe(true);
    expect([await isActive(hub, hubUnit), await isEnabled(hub, hubUnit)]).toEqual([true, true]);
    return undefined;
  });
  await report.step("web-1: petrel-agent install with a token", async () => {
    const token = (await hub.sh("petrel agent token --label role=web --only-token")).trim();
    const program = lay(web, releases.program(first, "petrel-agent"));
    const made = await json(web, program, "install", "--hub", url, "--token", token);
    expect(made).toMatchObject({ enrolled: true, started: true, linked: true, next: null });
    expect([await isActive(web, agentUnit), await isEnabled(web, agentUnit)]).toEqual([true, true]);
    expect(await isActive(web, actionsUnit)).toBe(true);
    await online(hub, "web-1");
    return undefined;
  });
  await report.step("both: the same install again changes nothing", async () => {
    for (const [host, program, unit] of [
      [hub, "petrel", hubUnit],
      [web, "petrel-agent", agentUnit],
    ] as const) {
      const pid = await mainPid(host, unit);
      const again = await json(host, `/root/files/${program}`, "install");
      expect(again).toMatchObject({ before: first, version: first, changes: [] });
      expect(await mainPid(host, unit)).toBe(pid);
    }
    return undefined;
  });
  await report.step("both: the doctor finds no fault", async () => {
    return `hub: ${await isWell(hub, "petrel")}; web-1: ${await isWell(web, "petrel-agent")}`;
  });

  await report.step("an action runs in a cgroup of its own, below the unit for actions", async () => {
    const action = await Action.untilTold(hub, web);
    expect(await action.group()).toBe(`/system.slice/${actionsUnit}/${action.id}`);
    await action.endsWhole();
    return undefined;
  });
  await memorySteps(report, hub, web);
  await report.step("systemctl restart petrel-agent: a running action is not touched", async () => {
    const action = await Action.untilTold(hub, web);
    await web.sh("systemctl restart petrel-agent");
    await online(hub, "web-1");
    await action.endsWhole();
    return "same process, all of its output, its exit code";
  });

  await report.step("agent: upgraded, with its unit, while an action runs", async () => {
    const action = await Action.untilTold(hub, web);
    const file = lay(web, releases.program(second, "petrel-agent"), "/root/second");
    await web.sh(`echo '# of the first version' >> /etc/systemd/system/${agentUnit}`);
    const end = await json<UpgradeEnd>(web, "petrel-agent", "upgrade", file, ...trial);
    expect(await web.sh(`cat /etc/systemd/system/${agentUnit}`)).not.toContain("of the first version");
    expect(end).toMatchObject({ from: first, to: second, result: "upgraded" });
    expect(await inForce(web, "agent")).toBe(second);
    await action.endsWhole();
    return "same process, all of its output, its exit code";
  });
  await report.step("agent: a version that ends at once is taken back", async () => {
    const file = lay(web, badVersion(programs, releases.program(third, "petrel-agent"), "0.2.1", "exit 9"));
    await takenBack(web, "petrel-agent", "0.2.1", file);
    expect(await isActive(web, agentUnit)).toBe(true);
    await online(hub, "web-1");
    return undefined;
  });
  await report.step(
    "agent: a version that never links is taken back, and a running action is not touched",
    async () => {
      const action = await Action.untilTold(hub, web);
      const file = lay(web, releases.program(third, "petrel-agent"), "/root/third");
      await web.sh(`touch ${nowhere}`);
      const { [agentUnit]: itsUnit } = JSON.parse(await web.sh(`${file} upgrade --units`)) as Record<
        string,
        string
      >;
      expect(itsUnit).not.toBe(await web.sh(`cat /etc/systemd/system/${agentUnit}`));
      const why = await takenBack(web, "petrel-agent", third, file);
      expect(why).toMatch(/no link/);
      await online(hub, "web-1");
      await action.endsWhole();
      return why;
    },
  );

  await report.step("hub: upgraded, with its unit, while an action runs", async () => {
    const action = await Action.untilTold(hub, web);
    const file = lay(hub, releases.program(second, "petrel"), "/root/second");
    await hub.sh(`echo '# of the first version' >> /etc/systemd/system/${hubUnit}`);
    const end = await json<UpgradeEnd>(hub, "petrel", "upgrade", file, ...trial);
    expect(await hub.sh(`cat /etc/systemd/system/${hubUnit}`)).not.toContain("of the first version");
    expect(end).toMatchObject({ from: first, to: second, result: "upgraded" });
    await online(hub, "web-1");
    await action.endsWhole();
    return undefined;
  });
  for (const [what, version, run] of [
    ["ends at once", "0.2.1", "exit 9"],
    ["never answers", "0.2.2", "exec sleep 1000"],
  ] as const)
    await report.step(`hub: a version that ${what} is taken back, while an action runs`, async () => {
      const action = await Action.untilTold(hub, web);
      const file = lay(hub, badVersion(programs, releases.program(second, "petrel"), version, run));
      const why = await takenBack(hub, "petrel", version, file);
      expect(await isActive(hub, hubUnit)).toBe(true);
      await online(hub, "web-1");
      await action.endsWhole();
      return why;
    });

  await report.step("agent: uninstall leaves what it says, and --purge nothing", async () => {
    await goes(web, "petrel-agent", webFiles);
    return undefined;
  });
  await report.step("hub: uninstall leaves what it says, and --purge nothing but its backups", async () => {
    await goes(hub, "petrel", hubFiles);
    return undefined;
  });
  for (const host of [web, hub]) await host.end();
}

async function memorySteps(report: Report, hub: DebianHost, web: DebianHost): Promise<void> {
  const kept = "the memory of an action is not counted to the agent";
  const limited = "MemoryMax= of the agent's unit: an action that takes more is not touched";
  if (!web.countsMemory) {
    for (const what of [kept, limited])
      report.leaveOut(what, "the memory controller is cgroup v1's on this machine");
    return;
  }
  const bytes = async (unit: string) =>
    Number(await web.sh(`cat /sys/fs/cgroup/system.slice/${unit}/memory.current`));
  const take = (size: number) =>
    `exec python3 -c 'import time; x = bytearray(b"x") * (${size} << 20); open("/tmp/taken", "w"); time.sleep(600)'`;
  const taking = async (size: number) => {
    await web.sh("rm -f /tmp/taken");
    const action = await Action.start(hub, web, take(size));
    await waitUntil("its memory to be taken", async () => (await web.ask("test -e /tmp/taken")).code === 0);
    return action;
  };
  const cancelled = async (action: Action) => {
    await hub.sh(`petrel execution cancel ${action.id}`);
    expect((await action.ended()).status).toBe("canceled");
  };
  await report.step(kept, async () => {
    const before = { agent: await bytes(agentUnit), actions: await bytes(actionsUnit) };
    const action = await taking(100);
    const after = { agent: await bytes(agentUnit), actions: await bytes(actionsUnit) };
    await cancelled(action);
    expect(after.actions - before.actions).toBeGreaterThan(100 * mib);
    expect(after.agent - before.agent).toBeLessThan(50 * mib);
    const shown = (from: number, to: number) => `${Math.round(from / mib)} → ${Math.round(to / mib)} MiB`;
    return `agent ${shown(before.agent, after.agent)}, actions ${shown(before.actions, after.actions)}`;
  });
  await report.step(limited, async () => {
    const drop = "/etc/systemd/system/petrel-agent.service.d";
    await web.sh(
      `mkdir -p ${drop}; printf '[Service]\\nMemoryMax=300M\\n' > ${drop}/limit.conf; systemctl daemon-reload`,
    );
    const pid = await mainPid(web, agentUnit);
    const action = await taking(400);
    expect(await web.sh(`cat /sys/fs/cgroup/system.slice/${agentUnit}/memory.max`)).toBe(`${300 * mib}\n`);
    expect(await web.sh(`cat /sys/fs/cgroup/system.slice/${agentUnit}/memory.events`)).toMatch(
      /^oom_kill 0$/m,
    );
    await cancelled(action);
    expect(await mainPid(web, agentUnit)).toBe(pid);
    await web.sh(`rm -r ${drop}; systemctl daemon-reload`);
    return undefined;
  });
}

async function takenBack(
  host: DebianHost,
  program: "petrel" | "petrel-agent",
  version: string,
  file: string,
): Promise<string> {
  const [product, unit] =
    program === "petrel" ? (["hub", hubUnit] as const) : (["agent", agentUnit] as const);
  const before = await inForce(host, product);
  const text = await host.sh(`cat /etc/systemd/system/${unit}`);
  const { code, stderr } = await host.ask(`${program} upgrade ${file} ${trial.join(" ")} --json`);
  const refused = JSON.parse(stderr.trim().split("\n").at(-1) ?? "") as {
    error: { code: string; message: string };
  };
  expect([code, refused.error.code]).toEqual([1, "UPGRADE_ROLLED_BACK"]);
  expect(refused.error.message).toContain(`version ${version} was not well`);
  expect(await inForce(host, product)).toBe(before);
  expect(await host.sh(`cat /etc/systemd/system/${unit}`)).toBe(text);
  expect(await host.sh(`systemctl show --property NeedDaemonReload --value ${unit}`)).toBe("no\n");
  return refused.error.message;
}

/** What is on the host, but for what belongs to nobody here: logs, what is in memory, and files the walk has laid down. */
export async function files(host: DebianHost): Promise<ReadonlySet<string>> {
  const places = [
    "/root",
    "/srv",
    "/var/log",
    "/var/lib/systemd",
    "/var/lib/dpkg",
    "/var/lib/rpm",
    "/var/cache",
    "/tmp",
    "/var/tmp",
  ];
  const not = places.map((place) => `-path ${place}`).join(" -o ");
  const found = await host.sh(`find / -xdev \\( ${not} \\) -prune -o -print`);
  return new Set(found.split("\n").filter((path) => path !== ""));
}

/** Also files that programs of the system keep beside theirs, passwd- say. */
export const madeSince = async (host: DebianHost, before: ReadonlySet<string>) =>
  [...(await files(host))].filter(
    (path) => !before.has(path) && !/^\/etc\/(sub)?[ug]id-$|^\/etc\/(passwd|g?shadow|group)-$/.test(path),
  );

async function goes(
  host: DebianHost,
  program: "petrel" | "petrel-agent",
  before: ReadonlySet<string>,
): Promise<void> {
  await host.sh(`rm -rf /etc/systemd/system/petrel-agent.service.d`);
  const units = program === "petrel" ? [hubUnit] : [agentUnit, actionsUnit];
  const command = `/root/files/${program}`;
  const { kept } = await json<{ kept: readonly string[] }>(host, command, "uninstall");
  const isKept = (path: string) => kept.some((each) => path === each || path.startsWith(`${each}/`));
  const rest = ["/etc/petrel", "/opt/petrel", "/var/lib/petrel-backups"];
  const unnamed = (await madeSince(host, before)).filter((path) => !isKept(path));
  expect(unnamed.filter((path) => !rest.includes(path))).toEqual([]);
  for (const unit of units) expect([unit, (await host.ask(`systemctl cat ${unit}`)).code]).toEqual([unit, 1]);
  const again = await json<{ kept: readonly string[] }>(host, command, "uninstall", "--purge");
  expect(again.kept).toEqual([]);
  expect((await madeSince(host, before)).filter((path) => !rest.includes(path))).toEqual([]);
  const { stdout } = await host.ask("pgrep -a petrel");
  expect(stdout).toBe("");
}
