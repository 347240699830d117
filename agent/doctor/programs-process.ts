/** Looks for the programs that packs need: by the search path that their sensors and actions would have. */
import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { baseEnvironment } from "../actions/environment.ts";
import { type PythonFacts, runnerModules, venvModules } from "./programs.ts";

const withinMs = 10_000;
/** One line, with what is not there; `json` may be what is missing. */
const question = `import sys
missing = []
for name in '${[...runnerModules, ...venvModules].join(" ")}'.split():
  try: __import__(name)
  except Exception: missing.append(name)
print('.'.join(map(str, sys.version_info[:3])), sys.executable, *missing)`;

/** `data`: the agent's folder, whose packs are looked at. */
export async function pythonFacts(
  data: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<PythonFacts> {
  const [answer, packs] = await Promise.all([
    askPython(baseEnvironment(env)),
    pythonPacks(join(data, "packs")),
  ]);
  return { ...answer, packs };
}

function askPython(env: Readonly<Record<string, string>>): Promise<Omit<PythonFacts, "packs">> {
  const options = { env, timeout: withinMs, killSignal: "SIGKILL" } as const;
  return new Promise((resolve) => {
    execFile("python3", ["-I", "-c", question], options, (error, stdout, stderr) => {
      const [version = null, place = null, ...missing] = stdout.trim().split(" ").filter(Boolean);
      if (error === null && version !== null) {
        const isOfVenv = (name: string) => venvModules.includes(name);
        return resolve({
          version,
          place,
          missing: missing.filter((name) => !isOfVenv(name)),
          missingForVenv: missing.filter(isOfVenv),
          problem: null,
        });
      }
      const isMissing = error !== null && "code" in error && error.code === "ENOENT";
      const why = isMissing
        ? null
        : stderr.trim().split("\n").at(-1) || (error?.message ?? "it says nothing");
      resolve({ version: null, place: null, missing: [], missingForVenv: [], problem: why });
    });
  });
}

/** Packs on this host with code in Python, and whether they bring requirements. */
async function pythonPacks(folder: string): Promise<PythonFacts["packs"]> {
  const found: { ref: string; needsVenv: boolean }[] = [];
  for (const ref of await namesIn(folder)) {
    for (const version of await namesIn(join(folder, ref))) {
      const inside = join(folder, ref, version);
      const [names, sensors, actions] = await Promise.all([
        namesIn(inside),
        namesIn(join(inside, "sensors")),
        namesIn(join(inside, "actions")),
      ]);
      if (![...sensors, ...actions].some((name) => name.endsWith(".py"))) continue;
      found.push({ ref, needsVenv: names.includes("requirements.txt") });
    }
  }
  return found;
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw error;
  }
}
