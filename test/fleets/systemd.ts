/**
 * `npm run fleet:systemd [-- installed|rollout|deb|rpm|tar] [-- --dist FOLDER]`: both binaries and packages on Debian hosts with a real
 * systemd: installed, upgraded, taken back, restarted, removed, while actions run and files change. Needs root, `ip`,
 * debootstrap and cgroup v2. The base system is kept in PETREL_FLEET_FOLDER (/var/tmp/petrel-fleet); binaries and packages
 * are built anew, which takes ten minutes, unless --dist names a folder where they are kept.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { cgroupsAt, DebianHost, debianBase, noDebian } from "./debian-process.ts";
import { inPlaces, isInPlace } from "./network-process.ts";
import { Releases } from "./releases-process.ts";
import { Report } from "./report.ts";
import { installedSteps } from "./systemd-installed.ts";
import { debSteps, rpmSteps, tarSteps } from "./systemd-packages.ts";
import { rolloutSteps } from "./systemd-rollout.ts";

const places = ["hub", "web-1", "web-2", "web-3", "deb-1", "rpm-1", "tar-1"] as const;
export type PlaceName = (typeof places)[number];

const { values, positionals } = parseArgs({ options: { dist: { type: "string" } }, allowPositionals: true });
const parts = {
  installed: installedSteps,
  rollout: rolloutSteps,
  tar: tarSteps,
  deb: debSteps,
  rpm: rpmSteps,
};
const chosen = Object.entries(parts).filter(
  ([name]) => positionals.length === 0 || positionals.includes(name),
);
const folder = process.env.PETREL_FLEET_FOLDER ?? "/var/tmp/petrel-fleet";
/** Where the outer process has built: it has a network, the one in place has none. */
const builtIn = "PETREL_FLEET_DIST";

async function walk(): Promise<void> {
  const dist = process.env[builtIn] ?? "";
  await inPlaces(import.meta.filename, places, async (network) => {
    const cgroups = cgroupsAt(tmpdir());
    const base = debianBase(folder);
    const booted: DebianHost[] = [];
    const report = new Report();
    try {
      for (const [, steps] of chosen)
        await steps({
          report,
          releases: new Releases(dist),
          address: (name) => network.place(name).v4,
          boot: async (name) => {
            const { namespace } = network.place(name);
            const hosts = places.map((each) => `${network.place(each).v4} ${each}.fleet.test ${each}`);
            const host = await DebianHost.boot(cgroups, {
              base,
              folder: tmpdir(),
              name,
              namespace,
              hosts: `127.0.0.1 localhost\n::1 localhost\n${hosts.join("\n")}\n`,
            });
            booted.push(host);
            return host;
          },
        });
    } finally {
      // The last first: parts have hosts of the same name, one after the other.
      for (const host of booted.toReversed()) await host.end();
    }
    report.end();
  });
}

if (isInPlace()) await walk();
else {
  const reason = await noDebian();
  if (reason !== null) {
    console.error(`not done: ${reason}`);
    process.exitCode = 2;
  } else {
    debianBase(folder);
    const work = mkdtempSync(join(tmpdir(), "petrel-fleet-build-"));
    try {
      const dist = resolve(values.dist ?? join(work, "dist"));
      new Releases(dist).build(work);
      process.env[builtIn] = dist;
      await walk();
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
}
