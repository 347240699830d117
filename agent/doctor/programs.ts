/** Judges the programs that packs need. Pure. */
import { type Found, fault, note, ok, warning } from "../../shared/doctor/finding.ts";

export interface PythonFacts {
  /** `null`: there is none, or it does not run. */
  readonly version: string | null;
  readonly place: string | null;
  /** Modules that a virtualenv needs and that are not there. */
  readonly missing: readonly string[];
  /** Why it does not run; `null`: it does, or is not there. */
  readonly problem: string | null;
  /** Of this agent, with code in Python. */
  readonly packs: readonly { readonly ref: string; readonly needsVenv: boolean }[];
}

/** The oldest one that packs are tested with. */
const oldest = [3, 8] as const;

export function pythonFound({ version, place, missing, problem, packs }: PythonFacts): readonly Found[] {
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
  const needing = packs.filter(({ needsVenv }) => needsVenv);
  if (missing.length > 0 && needing.length > 0) {
    const what = `${version}, without ${missing.join(" and ")}: no virtualenv can be made for ${names(needing)}`;
    return [fault(what, where, "apt install python3-venv")];
  }
  if (missing.length > 0) {
    const what = `${version}, without ${missing.join(" and ")}: packs with a requirements.txt would not run`;
    return [note(what, where, "apt install python3-venv")];
  }
  return [ok(version, where)];
}
