/** Judges the programs that packs need. Pure. */
import { type Found, fault, note, ok, warning } from "../../shared/doctor/finding.ts";

export interface PythonFacts {
  /** `null`: there is none, or it does not run. */
  readonly version: string | null;
  readonly place: string | null;
  /** Modules that are needed and not there, by any pack with code in Python; and only by one with a virtualenv. */
  readonly missing: readonly string[];
  readonly missingForVenv: readonly string[];
  /** Why it does not run; `null`: it does, or is not there. */
  readonly problem: string | null;
  /** Of this agent, with code in Python. */
  readonly packs: readonly { readonly ref: string; readonly needsVenv: boolean }[];
}

/** Of Python's own library: what our side of actions and sensors imports. Debian's python3-minimal lacks some. */
export const runnerModules: readonly string[] = (
  "atexit base64 concurrent.futures copy datetime decimal functools importlib importlib.abc importlib.util inspect io " +
  "itertools json logging math os queue re signal sys threading time traceback types"
).split(" ");
/** What `python3 -m venv` needs. */
export const venvModules: readonly string[] = ["venv", "ensurepip"];

/** The oldest one that packs are tested with. */
const oldest = [3, 8] as const;

export function pythonFound({
  version,
  place,
  missing,
  missingForVenv,
  problem,
  packs,
}: PythonFacts): readonly Found[] {
  const names = (list: PythonFacts["packs"]) => [...new Set(list.map(({ ref }) => ref))].join(", ");
  if (version === null) {
    const what = problem === null ? "there is no python3" : `python3 does not run: ${problem}`;
    if (packs.length > 0)
      return [fault(`${what}, and packs need it: ${names(packs)}`, "python3", "apt install python3")];
    return [note(`${what}; packs with code in Python would need it`, "python3", "apt install python3")];
  }
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const where = place ?? "python3";
  if (major < oldest[0] || (major === oldest[0] && minor < oldest[1])) {
    return [
      warning(
        `it is ${version}; packs may need ${oldest.join(".")} or newer`,
        where,
        "install a newer python3",
      ),
    ];
  }
  if (missing.length > 0) {
    const what = `${version}, without ${listed(missing)} of its own library: nothing in Python runs`;
    const fix = "apt install python3 (python3-minimal is not enough)";
    if (packs.length > 0) return [fault(`${what}, and packs need it: ${names(packs)}`, where, fix)];
    return [note(what, where, fix)];
  }
  const needing = packs.filter(({ needsVenv }) => needsVenv);
  if (missingForVenv.length > 0 && needing.length > 0) {
    const what = `${version}, without ${missingForVenv.join(" and ")}: no virtualenv can be made for ${names(needing)}`;
    return [fault(what, where, "apt install python3-venv")];
  }
  if (missingForVenv.length > 0) {
    const what = `${version}, without ${missingForVenv.join(" and ")}: packs with a requirements.txt would not run`;
    return [note(what, where, "apt install python3-venv")];
  }
  return [ok(version, where)];
}

const mostNamed = 5;
const listed = (names: readonly string[]): string =>
  names.length <= mostNamed
    ? names.join(", ")
    : `${names.slice(0, mostNamed).join(", ")} and ${names.length - mostNamed} more`;
