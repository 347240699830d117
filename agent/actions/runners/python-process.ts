/** The runner `python-script`: an action in Python, run by the host's python3 or the pack's own virtualenv. */
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { isPetrelError, PetrelError } from "../../../shared/errors.ts";
import type { Runner, RunnerSettings } from "./runner.ts";
import { followScript, runScript, type ScriptLanguage } from "./script-process.ts";

export interface PythonSettings extends RunnerSettings {
  /** Absolute path of the folder with `petrel_action.py` and the modules that packs import. */
  readonly pythonFolder: string;
  /** The interpreter made for a pack with requirements; `null`: the host's. Rejects with PACK_VIRTUALENV. */
  readonly virtualenvs?: { python(packFolder: string): Promise<string | null> };
}

const virtualenvs = ["virtualenv", ".venv"];

export function pythonScriptRunner(settings: PythonSettings): Runner {
  return {
    name: "python-script",
    mayPause: true,
    takeUp: (...taken) => followScript(settings, ...taken),
    async run(request, context) {
      try {
        return await runScript((folder) => pythonFor(folder, settings), settings, request, context);
      } catch (error) {
        throw isMissingProgram(error) ? pythonMissing(request.action, error) : error;
      }
    },
  };
}

async function pythonFor(
  packFolder: string,
  { pythonFolder, virtualenvs: built }: PythonSettings,
): Promise<ScriptLanguage> {
  const ownPython = virtualenvs.map((name) => join(packFolder, name, "bin", "python")).find(existsSync);
  const modules = [pythonFolder, join(packFolder, "lib"), join(packFolder, "actions", "lib")];
  return {
    command: ownPython ?? (await built?.python(packFolder)) ?? "python3",
    args: [join(pythonFolder, "petrel_action.py")],
    env: {
      PYTHONPATH: modules.join(delimiter),
      // Output arrives as it is printed, whatever the host's locale; the pack's folder stays as it was checked.
      PYTHONUNBUFFERED: "1",
      PYTHONIOENCODING: "utf-8:backslashreplace",
      PYTHONDONTWRITEBYTECODE: "1",
      ST2_API_URL: "",
      ST2_AUTH_TOKEN: "",
    },
    reserved: ["PYTHONPATH"],
  };
}

function isMissingProgram(error: unknown): boolean {
  if (!isPetrelError(error) || error.code !== "ACTION_START") return false;
  return (error.cause as NodeJS.ErrnoException | undefined)?.code === "ENOENT";
}

function pythonMissing(action: string, cause: unknown): PetrelError {
  return new PetrelError(
    "PYTHON_MISSING",
    `action ${action} is written in Python, and the host has no python3`,
    {
      hint: "install python3 on the agent's host, or write the action for runner node-script",
      cause,
    },
  );
}
