/** What packages promise, seen on hosts with systemd that have hub and agent: installed, upgraded, removed, purged. */
import { basename } from "node:path";
import { expect } from "vitest";
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
} from "./installed-host.ts";
import { type Releases, target, versions } from "./releases-process.ts";
import { files, madeSince, type Walk } from "./systemd-installed.ts";
import { Watched } from "./watched-host.ts";

const [first, second] = versions;
const debOf = { "linux-x64": "amd64", "linux-arm64": "arm64" }[target];
const rpmOf = { "linux-x64": "x86_64", "linux-arm64": "aarch64" }[target];
const units = ["petrel-hub.service", "petrel-agent.service"] as const;
const names = ["petrel", "petrel-agent"] as const;

interface Kind {
  readonly host: string;
  file(name: string, version: string): string;
  install(path: string): string;
  remove(name: string): string;
}

const deb: Kind = {
  host: "deb-1",
  file: (name, version) => `${name}_${version}_${debOf}.deb`,
  install: (path) => `dpkg -i ${path}`,
  remove: (name) => `dpkg -r ${name}`,
};
/** Nothing of this system is in rpm's own list: what is needed is there all the same. */
const rpm: Kind = {
  host: "rpm-1",
  file: (name, version) => `${name}-${version}-1.${rpmOf}.rpm`,
  install: (path) => `rpm -U --nodeps ${path}`,
  remove: (name) => `rpm -e --nodeps ${name}`,
};

async function put(
  host: DebianHost,
  releases: Releases,
  kind: Kind,
  name: string,
  version: string,
): Promise<string> {
  const { code, stdout, stderr } = await host.ask(
    kind.install(lay(host, releases.package(version, kind.file(name, version)))),
  );
  expect([code, stdout + stderr], stdout + stderr).toEqual([0, expect.anything()]);
  return stdout + stderr;
}

/** On one host, both. */
async function packageSteps(
  { report, releases, boot }: Walk,
  kind: Kind,
): Promise<{ host: DebianHost; before: ReadonlySet<string> }> {
  const host = await boot(kind.host);
  const before = await files(host);
  const what = kind.host;
  await report.step(`${what}: both packages are installed, enrolled and started as they say`, async () => {
    expect(await put(host, releases, kind, "petrel", first)).toContain("systemctl enable --now petrel-hub");
    expect([await isActive(host, units[0]), await isEnabled(host, units[0])]).toEqual([false, false]);
    await host.sh("systemctl enable --now petrel-hub");
    const token = (await host.sh("petrel --wait 60 agent token --label role=web --only-token")).trim();
    await put(host, releases, kind, "petrel-agent", first);
    const said = await host.sh(`petrel-agent enroll --hub mqtts://127.0.0.1:8883 --token ${token}`);
    expect(said).toContain("systemctl enable --now petrel-agent");
    await host.sh("systemctl enable --now petrel-agent");
    await online(host, kind.host);
    return `petrel doctor: ${await isWell(host, "petrel")}; petrel-agent doctor: ${await isWell(host, "petrel-agent")}`;
  });
  const watched = new Watched(host);
  await report.step(`${what}: files are watched`, () => watched.begin());
  await report.step(
    `${what}: the agent's package is upgraded while an action runs and files change`,
    async () => {
      const action = await Action.untilTold(host, host);
      const writing = await watched.write();
      await put(host, releases, kind, "petrel-agent", second);
      expect(await inForce(host, "agent")).toBe(second);
      await online(host, kind.host);
      await writing.end();
      await action.endsWhole();
      return `same process and exit code; ${await watched.allTold()}`;
    },
  );
  await report.step(
    `${what}: the hub's package is upgraded while an action runs and files change`,
    async () => {
      const action = await Action.untilTold(host, host);
      const writing = await watched.write();
      await put(host, releases, kind, "petrel", second);
      expect(await inForce(host, "hub")).toBe(second);
      await online(host, kind.host);
      await writing.end();
      await action.endsWhole();
      return watched.allTold();
    },
  );
  await report.step(`${what}: what changes while the agent is stopped is told as such`, async () => {
    await host.sh("systemctl stop petrel-agent");
    const writing = await watched.write();
    await writing.end();
    await host.sh("systemctl start petrel-agent");
    return watched.allTold({ offline: true });
  });
  await report.step(`${what}: the same package again changes nothing`, async () => {
    const pids = await Promise.all(units.map((unit) => mainPid(host, unit)));
    for (const name of names)
      expect(
        (
          await host.ask(
            `${kind.install(`/root/files/${kind.file(name, second)}`)}${kind === rpm ? " --replacepkgs" : ""}`,
          )
        ).code,
      ).toBe(0);
    expect(await Promise.all(units.map((unit) => mainPid(host, unit)))).toEqual(pids);
    return undefined;
  });
  await report.step(
    `${what}: packages that are removed stop what runs, and leave state and configuration`,
    async () => {
      for (const name of names.toReversed()) await host.sh(kind.remove(name));
      for (const unit of [...units, "petrel-actions.service"])
        expect([unit, await isActive(host, unit), (await host.ask(`systemctl cat ${unit}`)).code]).toEqual([
          unit,
          false,
          1,
        ]);
      expect((await host.ask("pgrep -a petrel")).stdout).toBe("");
      const left = (await madeSince(host, before)).filter(
        (path) => !/^\/(var\/lib\/petrel(-agent|-backups)?|etc\/petrel)(\/|$)/.test(path),
      );
      expect(left).toEqual([]);
      return undefined;
    },
  );
  await report.step(
    `${what}: installed again, both are as they were: enabled, running, the same agent`,
    async () => {
      for (const name of names) await host.sh(kind.install(`/root/files/${kind.file(name, second)}`));
      for (const unit of units)
        expect([unit, await isEnabled(host, unit), await isActive(host, unit)]).toEqual([unit, true, true]);
      await online(host, kind.host);
      return watched.allTold();
    },
  );
  return { host, before };
}

/** Words of sh: guard and configuration of an installation by file, as it was edited, are there. */
const ofInstall = "test -x /opt/petrel/agent/guard && grep -qx '# ours' /etc/petrel/agent.yaml";

export async function debSteps(walk: Walk): Promise<void> {
  const { host, before } = await packageSteps(walk, deb);
  await walk.report.step(
    "deb-1: packages that are purged leave nothing but the hub's backups and users",
    async () => {
      for (const name of names.toReversed()) await host.sh(`dpkg -P ${name}`);
      expect((await madeSince(host, before)).filter((path) => path !== "/var/lib/petrel-backups")).toEqual(
        [],
      );
      expect((await host.ask("dpkg -l petrel petrel-agent | grep -E '^[a-z][^n]'")).stdout).toBe("");
      return undefined;
    },
  );
  await walk.report.step("deb-1: after a purge a package starts nothing", async () => {
    await host.sh(deb.install(`/root/files/${deb.file("petrel-agent", second)}`));
    expect([await isEnabled(host, units[1]), await isActive(host, units[1])]).toEqual([false, false]);
    return undefined;
  });
  await walk.report.step("deb-1: petrel-agent install refuses a host that has the package", async () => {
    const program = lay(host, walk.releases.program(second, "petrel-agent"));
    const { code, stderr } = await host.ask(`${program} install`);
    expect([code, stderr]).toEqual([4, expect.stringContaining("INSTALL_PACKAGE")]);
    return undefined;
  });
  await walk.report.step(
    "deb-1: installed as a file once the package is removed, and purged after, also from over it",
    async () => {
      await host.sh(deb.remove("petrel-agent"));
      await host.sh("/root/files/petrel-agent install && echo '# ours' >> /etc/petrel/agent.yaml");
      const stays = async () => {
        expect(await json(host, "petrel-agent", "version")).toMatchObject({ version: second });
        await host.sh(`systemctl cat ${units[1]} && ls -d /var/lib/petrel-agent && ${ofInstall}`);
      };
      await host.sh("dpkg -P petrel-agent");
      await stays();
      await host.sh(deb.install(`/root/files/${deb.file("petrel-agent", second)}`));
      await host.sh("dpkg -P petrel-agent");
      await stays();
      return undefined;
    },
  );
  await host.end();
}

export async function rpmSteps(walk: Walk): Promise<void> {
  const { host } = await packageSteps(walk, rpm);
  const [, unit] = units;
  const again = () => host.sh(`${rpm.install(`/root/files/${rpm.file("petrel-agent", second)}`)} 2>&1`);
  await walk.report.step(
    "rpm-1: an agent that was stopped on purpose comes back enabled, and stopped",
    async () => {
      await host.sh(`systemctl stop ${unit} && ${rpm.remove("petrel-agent")}`);
      expect(await again()).toContain("enabled, and stopped, as it was");
      expect([await isEnabled(host, unit), await isActive(host, unit)]).toEqual([true, false]);
      await host.sh(`systemctl start ${unit}`);
      await online(host, rpm.host);
      return undefined;
    },
  );
  await walk.report.step(
    "rpm-1: a changed configuration stays, and the agent comes back with it",
    async () => {
      await host.sh(`echo '# ours' >> /etc/petrel/agent.yaml && ${rpm.remove("petrel-agent")}`);
      expect(await again()).toContain("enabled as it was");
      await host.sh(ofInstall);
      expect([await isEnabled(host, unit), await isActive(host, unit)]).toEqual([true, true]);
      await online(host, rpm.host);
      return undefined;
    },
  );
  await walk.report.step(
    "rpm-1: a package that was laid over an installation by file is removed, and that runs on",
    async () => {
      await host.sh(rpm.remove("petrel-agent"));
      await host.sh(`${lay(host, walk.releases.program(second, "petrel-agent"))} install`);
      const pid = await mainPid(host, unit);
      await again();
      await host.sh(rpm.remove("petrel-agent"));
      await host.sh(ofInstall);
      expect(await mainPid(host, unit)).toBe(pid);
      await online(host, rpm.host);
      return undefined;
    },
  );
  await host.end();
}

/** As README.md has it, on one host. */
export async function tarSteps({ report, releases, boot }: Walk): Promise<void> {
  const host = await boot("tar-1");
  await report.step("tar-1: from the .tar.xz, as README.md says", async () => {
    const archive = lay(host, releases.package(first, `petrel-${first}-${target}.tar.xz`));
    await host.sh(`tar -xf ${archive}`);
    const folder = `/root/${basename(archive, ".tar.xz")}`;
    await host.sh(`cd ${folder} && sha256sum --check --quiet --ignore-missing SHA256SUMS`);
    await host.sh(
      `cd ${folder} && ./petrel install && petrel agent token --label role=web --only-token > token`,
    );
    await host.sh(`cd ${folder} && ./petrel-agent install --hub mqtts://127.0.0.1:8883 --token-file token`);
    await online(host, "tar-1");
    for (const unit of units)
      expect([unit, await isEnabled(host, unit), await isActive(host, unit)]).toEqual([unit, true, true]);
    const action = await Action.untilTold(host, host);
    await action.endsWhole();
    return undefined;
  });
  await host.end();
}
