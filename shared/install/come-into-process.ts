/** Leads a host to one of its versions: the program, and the units that go with it. */
import { lstat } from "node:fs/promises";
import { textIfThere, writeWhole } from "../whole-file-fs.ts";
import { unitsOf } from "./candidate-process.ts";
import { guardText } from "./guard.ts";
import type { Layout } from "./layout.ts";
import { switchTo } from "./releases-fs.ts";
import type { UpgradeHost } from "./upgrade-host.ts";
import { keepHostUnits, keepUnits, placeUnits } from "./version-units-fs.ts";

export interface StagedVersion {
  readonly from: string;
  readonly to: string;
  /** Of `to`. */
  readonly program: string;
}

/** Units go with their version, there and back. One that does not say what its units are leaves those of the host. */
export async function stageUnits(layout: Layout, { from, to, program }: StagedVersion): Promise<void> {
  const units = await unitsOf(program);
  if (units === null) return;
  await keepHostUnits(layout, from, Object.keys(units));
  await keepUnits(layout, to, units);
}

/** Resolves once program and units are on disk, and systemd has read them. */
export async function comeInto(host: UpgradeHost, version: string): Promise<void> {
  await switchTo(host.layout, version);
  await renewUnits(host, version);
}

/** Leads a host back to one of its versions, with whatever unit there is rather than not at all. */
export async function mendTo(host: UpgradeHost, version: string): Promise<void> {
  await switchTo(host.layout, version);
  await putBackUnits(host, version);
}

/** Says what keeps it from that. Of a version that `current` leads to. */
export async function putBackUnits(host: UpgradeHost, version: string): Promise<void> {
  const failed = await failureOf(() => renewUnits(host, version));
  if (failed !== null) host.told(`the unit of ${version} could not be put back: ${failed}`);
}

/** What kept it from being done; `null`: nothing. */
export async function failureOf(work: () => Promise<void>): Promise<string | null> {
  try {
    await work();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/**
 * The guard of the version that upgrades, where `install` has put one or a unit that asks for it: it is the older of the
 * two, and the one to go back to. It stays whichever way that ends. A package's comes with the package.
 */
export async function renewGuard({ layout, product }: UpgradeHost): Promise<void> {
  const [found, unit, packaged] = await Promise.all(
    [layout.guard, layout.unit, layout.packaged].map((path) => lstat(path).catch(() => null)),
  );
  // One that is gone: a package of before, removed from over an installation, took it along.
  if ((found ?? unit)?.isFile() !== true || packaged !== null) return;
  const text = guardText(product);
  if ((await textIfThere(layout.guard)) === text) return;
  await writeWhole(layout.guard, text, 0o755, { isForAll: true });
}

/** Of a version that `current` leads to. */
export async function renewUnits(
  { layout, product, service, reload = service?.reload, told }: UpgradeHost,
  version: string,
): Promise<void> {
  const placed = await placeUnits(layout, version);
  if (placed === null) return;
  // Also when no file has changed: whoever wrote it may have been killed before this.
  await reload?.().catch((error: unknown) => {
    told(
      `systemd has not read its unit: ${error instanceof Error ? error.message : error}; systemctl daemon-reload`,
    );
  });
  if (placed.changed && product.renews)
    told("its unit has changed: what the process itself has of it counts from its next start on");
}
