/** Judges the systemd unit of a daemon: whether it comes back, and what it hides. Pure. */
import { type Found, note, ok, warning } from "./finding.ts";

export interface UnitFacts {
  readonly name: string;
  /** The host runs systemd. */
  readonly hasSystemd: boolean;
  /** `null`: there is no such unit. */
  readonly path: string | null;
  /** It is started at boot. */
  readonly isEnabled: boolean;
  /** In the order of the files; a later one counts, an empty one clears a list. */
  readonly settings: readonly (readonly [name: string, value: string])[];
}

/** `Name=value` lines of a unit file (systemd.syntax(7)). */
export function unitSettings(text: string): UnitFacts["settings"] {
  return text
    .replaceAll(/\\\n/g, " ")
    .split("\n")
    .flatMap((line) => {
      const [, name, value] = /^\s*([A-Za-z]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
      return name === undefined || value === undefined ? [] : [[name, value] as const];
    });
}

/** Settings that keep a watching agent from files, or an action from `sudo` and `run_as` (systemd.exec(5)). */
export const hidingSettings: Readonly<Record<string, string>> = {
  ProtectHome: "home folders are not seen",
  ProtectSystem: "actions cannot change the system",
  PrivateTmp: "the files of /tmp are not seen",
  PrivateDevices: "devices are not seen",
  PrivateMounts: "what is mounted later is not seen",
  TemporaryFileSystem: "what it covers is not seen",
  InaccessiblePaths: "what it names is not seen",
  ReadOnlyPaths: "actions cannot change what it names",
  PrivateUsers: "the owners of files are not seen, and run_as fails",
  ProtectProc: "who made a change is not known",
  RestrictSUIDSGID: "sudo fails",
  NoNewPrivileges: "sudo fails",
};

const offValues = new Set(["", "no", "false", "0", "off", "default"]);

export interface UnitJudgement {
  /** What a setting does harm to, by its name. */
  readonly harmful?: Readonly<Record<string, string>>;
  /** How to have a unit. */
  readonly install: string;
}

export function unitFound(
  { name, hasSystemd, path, isEnabled, settings }: UnitFacts,
  { harmful = {}, install }: UnitJudgement,
): readonly Found[] {
  if (!hasSystemd) return [note("this host runs no systemd: something else has to start it at boot", name)];
  if (path === null) return [note("there is no unit: nobody starts it at boot", name, install)];
  const now = new Map(settings);
  const found: Found[] = [];
  if (!isEnabled) found.push(warning("it is not started at boot", path, `systemctl enable ${name}`));
  if (offValues.has(now.get("Restart") ?? "no")) {
    found.push(warning("it is not started again when it dies (Restart)", path, "Restart=always in the unit"));
  }
  for (const [setting, harm] of Object.entries(harmful)) {
    const value = now.get(setting);
    if (value === undefined || offValues.has(value.toLowerCase())) continue;
    const fix = `systemctl edit ${name}: under [Service] ${setting}=`;
    found.push(warning(`${setting}=${value}: ${harm}`, path, `${fix}, or no`));
  }
  return found.length > 0 ? found : [ok("it is started at boot and when it dies", path)];
}
