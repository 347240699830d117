/** Which program runs a sensor: Node or Python with our runtime, or the pack's own executable. */
import { access, constants, stat } from "node:fs/promises";
import { getCompileCacheDir } from "node:module";
import { dirname, join } from "node:path";
import { PetrelError } from "../../shared/errors.ts";
import type { SensorDefinition } from "../../shared/model/pack.ts";
import type { OwnCommand } from "../../shared/runtime/own-programs-process.ts";
import type { VirtualenvState } from "../packs/virtualenv.ts";
import type { SensorProgram } from "./sensor-child-process.ts";
import { entryPointOf } from "./start-message.ts";

export interface SensorPlace {
  readonly definition: SensorDefinition;
  readonly packFolder: string;
}

export interface LaunchOptions {
  /** What starts `node-sensor-main.ts`. */
  readonly node: OwnCommand;
  /** Folder of `petrel_sensor.py` and of the modules that StackStorm packs import. */
  readonly pythonFolder: string;
  /** What the Python code of a pack runs in; by default the host's python3. */
  readonly virtualenvs?: { stateOf(packFolder: string): VirtualenvState };
  /** Absolute path of the agent's data folder; each sensor has a folder of its own below it. */
  readonly dataFolder: string;
  /** Where the agent's own sensors are, a URL to import from. */
  readonly ownSensors: string;
  /** The environment every sensor inherits; holds nothing secret of the agent's. */
  readonly env: Readonly<Record<string, string>>;
}

/** By this variable a process of a sensor is known again after the agent was killed. */
export const sensorVariable = "PETREL_SENSOR";
/** Folders of a pack that may hold a virtualenv of its own. */
const virtualenvs = ["virtualenv", ".venv"];

/** Where this process keeps what Node has compiled; `null` when it does not. */
function compileCache(): string | null {
  const folder = getCompileCacheDir();
  // Node adds a folder of its own for its version.
  return folder === undefined ? null : dirname(folder);
}

/** Rejects with SENSOR_INVALID when the code is not there. */
export async function findProgram(place: SensorPlace, options: LaunchOptions): Promise<SensorProgram> {
  const { definition, packFolder } = place;
  const entryPoint = entryPointOf(place);
  const found = await stat(entryPoint).catch(() => null);
  if (!found?.isFile()) {
    throw new PetrelError(
      "SENSOR_INVALID",
      `sensor ${definition.ref} has no file ${definition.entry_point}`,
      {
        where: entryPoint,
        hint: "register the pack again",
      },
    );
  }
  const common = {
    cwd: packFolder,
    channel: "stdio",
    missing: "SENSOR_INVALID",
  } as const;
  const env = {
    ...options.env,
    [sensorVariable]: definition.ref,
    PETREL_PACK: definition.pack,
    PETREL_PACK_FOLDER: packFolder,
    PETREL_SENSOR_FOLDER: join(options.dataFolder, "sensors", definition.ref),
    PETREL_AGENT_FOLDER: options.dataFolder,
    PETREL_AGENT_SENSORS: options.ownSensors,
  };
  switch (definition.language) {
    case "node": {
      const [command, ...args] = options.node;
      // A sensor is small and there may be many: fewer threads and memory pools.
      const small = { UV_THREADPOOL_SIZE: "2", MALLOC_ARENA_MAX: "1" };
      // The runtime is the agent's own code, which Node has compiled before.
      const cache = compileCache();
      const compiled = cache === null ? {} : { NODE_COMPILE_CACHE: cache };
      return { ...common, command, args, env: { ...env, ...small, ...compiled }, channel: "descriptor-3" };
    }
    case "python":
      return {
        ...common,
        command: (await ownPython(packFolder)) ?? builtPython(place, options) ?? "python3",
        args: [join(options.pythonFolder, "petrel_sensor.py")],
        // Nothing is written into the pack's folder, which is named by the digest of its contents.
        env: { ...env, PYTHONDONTWRITEBYTECODE: "1" },
        missing: "PYTHON_MISSING",
      };
    case "executable":
      return { ...common, command: entryPoint, args: [], env };
  }
}

/** The interpreter of the virtualenv that the agent made for the pack. Throws PACK_VIRTUALENV. */
function builtPython({ definition, packFolder }: SensorPlace, { virtualenvs }: LaunchOptions): string | null {
  const venv = virtualenvs?.stateOf(packFolder) ?? { state: "none" };
  switch (venv.state) {
    case "none":
      return null;
    case "ready":
      return venv.python;
    case "failed":
      throw venv.error;
    case "building":
      throw new PetrelError(
        "PACK_VIRTUALENV",
        `the requirements of pack ${definition.pack} are still being installed`,
        { hint: "it is tried again" },
      );
  }
}

/** The interpreter of the virtualenv that the pack brings along, if it does. */
async function ownPython(packFolder: string): Promise<string | null> {
  for (const name of virtualenvs) {
    const python = join(packFolder, name, "bin", "python");
    const isThere = await access(python, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return python;
  }
  return null;
}
