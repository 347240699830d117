/** What a program has to be to take the place of the one that is installed. Pure. */
import { PetrelError } from "../errors.ts";
import { isObject } from "../json.ts";
import { compareVersions, isVersion } from "./release.ts";

/** What `PROGRAM version --json` says of itself. */
export interface SelfDescription {
  readonly program: string;
  readonly version: string;
  /** Newest format of the database that it reads; older ones it brings to this. */
  readonly store_format: number;
}

export interface Wanted {
  readonly program: string;
  /** `null`: nothing is installed yet. */
  readonly installed: Pick<SelfDescription, "version" | "store_format"> | null;
  readonly allowDowngrade: boolean;
  readonly allowFormatChange: boolean;
  /** The format that the database of this host really has; `null`: there is none, absent: it was not looked at. */
  readonly stored?: number | null;
  /** The command that upgrades this installation; see `commandFor`. */
  readonly upgrade: (...options: readonly string[]) => string;
  /** How one gets back over a format; see `stepsBack`. */
  readonly steps: string;
}

/** Whether the older of two programs is to follow the newer one over a format of the database. */
export const goesBack = (
  found: Pick<SelfDescription, "store_format">,
  installed: Pick<SelfDescription, "store_format">,
): boolean => found.store_format < installed.store_format;

/** ELF's e_machine (elf(5)). */
const machines: Readonly<Record<number, string>> = { 62: "x64", 183: "arm64" };

/** The machine that a program is for, by its first 20 bytes; `null` for what is no ELF file, a script say. */
export function machineOf(head: Uint8Array): string | null {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (head.byteLength < 20 || view.getUint32(0) !== 0x7f454c46) return null;
  const machine = view.getUint16(18, head[5] !== 2);
  return machines[machine] ?? `machine ${machine}`;
}

/** UPGRADE_ARCHITECTURE for a program of another machine; whether what has none runs is seen by running it. */
export function checkMachine(head: Uint8Array, arch: string, where: string): void {
  const name = machineOf(head);
  if (name === null || name === arch) return;
  throw new PetrelError("UPGRADE_ARCHITECTURE", `the program is for ${name}, this host is ${arch}`, {
    where,
    hint: `take the file for linux-${arch}`,
  });
}

/** UPGRADE_UNFIT when that is no description. */
export function parseDescription(text: string, where: string): SelfDescription {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = null;
  }
  if (isObject(value)) {
    const { program, version, store_format: format } = value;
    if (
      typeof program === "string" &&
      typeof version === "string" &&
      isVersion(version) &&
      typeof format === "number"
    )
      return { program, version, store_format: format };
  }
  throw new PetrelError("UPGRADE_UNFIT", "`version --json` does not say which program and version this is", {
    where,
    hint: "give a file of Petrel's, of version 0.1.0 or newer",
  });
}

/**
 * UPGRADE_UNFIT for another program and for one that does not read the state of this host, UPGRADE_OLDER,
 * UPGRADE_FORMAT when the way back would be closed.
 */
export function checkFit(found: SelfDescription, wanted: Wanted, where: string): void {
  if (found.program !== wanted.program)
    throw new PetrelError("UPGRADE_UNFIT", `this is ${found.program}, and not ${wanted.program}`, { where });
  const { installed } = wanted;
  if (installed === null) return;
  if (goesBack(found, installed)) checkWayBack(found, installed, wanted, where);
  if (compareVersions(found.version, installed.version) < 0 && !wanted.allowDowngrade)
    throw new PetrelError(
      "UPGRADE_OLDER",
      `${found.version} is older than the installed ${installed.version}`,
      {
        where,
        hint: `if that is meant: ${wanted.upgrade("--allow-downgrade")}`,
      },
    );
  if (found.store_format > installed.store_format && !wanted.allowFormatChange)
    throw new PetrelError(
      "UPGRADE_FORMAT",
      `it brings the database from format ${installed.store_format} to ${found.store_format}, which ${installed.version} cannot read: there would be no way back`,
      { where, hint: `make a backup, then: ${wanted.upgrade("--allow-format-change")}` },
    );
}

/** There is one where the database is of before, and whoever calls says that this is known. */
function checkWayBack(
  found: SelfDescription,
  installed: Pick<SelfDescription, "store_format">,
  { allowDowngrade, allowFormatChange, stored, steps }: Wanted,
  where: string,
): void {
  const isThere = stored !== undefined && (stored === null || stored <= found.store_format);
  if (isThere && allowDowngrade && allowFormatChange) return;
  const has =
    stored == null ? `the installed version writes ${installed.store_format}` : `this host's has ${stored}`;
  throw new PetrelError(
    "UPGRADE_UNFIT",
    `it reads databases up to format ${found.store_format}, and ${has}`,
    { where, hint: `take a newer version, or go back with a backup of before: ${steps}` },
  );
}

/** Lines as sha256sum(1) writes them. */
function* linesOf(sums: string): Generator<{ readonly digest: string; readonly name: string }> {
  for (const line of sums.split("\n")) {
    const found = /^([0-9a-fA-F]{64}) [ *](.+)$/.exec(line.trimEnd());
    const name = found?.[2]?.split("/").at(-1);
    if (name !== undefined) yield { digest: (found?.[1] ?? "").toLowerCase(), name };
  }
}

/** The digest that a `SHA256SUMS` has for a file name; `null`: none. */
export function digestIn(sums: string, name: string): string | null {
  for (const line of linesOf(sums)) if (line.name === name) return line.digest;
  return null;
}

/** For people: the first few file names that a `SHA256SUMS` has. */
export function namesInSums(sums: string): string {
  const names = [...new Set([...linesOf(sums)].map(({ name }) => name))];
  if (names.length === 0) return "no file at all";
  const shown = names.slice(0, 6).join(", ");
  return names.length > 6 ? `${shown}, …` : shown;
}

/** Texts of systemd units, by name. */
export type Units = Readonly<Record<string, string>>;

/** Names become paths. */
export const isUnitName = (name: string): boolean => /^petrel-[a-z]{1,20}\.service$/.test(name);

/** As `PROGRAM upgrade --units` prints them; `null` for what are none. */
export function parseUnits(text: string): Units | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isObject(value)) return null;
  const entries = Object.entries(value);
  const isFit = entries.every(([name, each]) => isUnitName(name) && typeof each === "string");
  return isFit && entries.length > 0 ? (value as Units) : null;
}
