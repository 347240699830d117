/** The sample set-up of `npm start`: hub, broker, the agent beside it, pack mypack, a watched folder; prints each chain. */
import { spawnSync } from "node:child_process";
import { appendFileSync, constants } from "node:fs";
import { access, mkdir } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type RunningHub, startHub } from "../hub/main.ts";
import type { Change } from "../hub/store/store.ts";
import { parseListen } from "../shared/config/listen.ts";
import { formatError, isPetrelError, PetrelError } from "../shared/errors.ts";
import { isObject } from "../shared/json.ts";
import { createLogger } from "../shared/log.ts";
import { readPackFolder } from "../shared/packs/read-pack-fs.ts";
import { watchForEnd } from "../shared/signals-process.ts";

const root = resolve(import.meta.dirname, "..");
const folder = join(root, ".petrel");
const watched = join(folder, "watched");
const output = join(folder, "output");
const logFile = join(folder, "hub.log");
const shown = (path: string) => relative(root, path);
const say = (line: string) => process.stdout.write(`${line}\n`);
const quit = Symbol("quit");

function readFlags(): { http: string; mqtt: string } {
  try {
    const { values } = parseArgs({
      options: {
        http: { type: "string", default: process.env.PETREL_HTTP ?? "127.0.0.1:7480" },
        mqtt: { type: "string", default: process.env.PETREL_MQTT ?? "127.0.0.1:7483" },
      },
    });
    return values;
  } catch (cause) {
    throw new PetrelError("CLI_USAGE", (cause as Error).message, {
      hint: "the flags are --http PORT and --mqtt PORT, such as `npm start -- --http 7490 --mqtt 7493`",
      cause,
    });
  }
}

/** Packs in Python need it; the sample does not. */
function hasPython(): boolean {
  return spawnSync("python3", ["--version"], { stdio: "ignore" }).status === 0;
}

function listen(text: string, flag: string) {
  const address = parseListen(text);
  if (address !== null) return address;
  throw new PetrelError("CLI_USAGE", `'${text}' is no address to listen on`, {
    where: `--${flag}`,
    hint: `write PORT or HOST:PORT, such as \`npm start -- --${flag} 7490\``,
  });
}

async function makeWritable(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
    await access(path, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new PetrelError("FOLDER_UNUSABLE", `the folder cannot be written: ${(cause as Error).message}`, {
      where: path,
      hint: "mend its owner and mode, or clone to a place that is yours",
      cause,
    });
  }
}

async function start(): Promise<RunningHub> {
  const flags = readFlags();
  await makeWritable(folder);
  // People read the chains on the screen; whoever wants to know more reads the log.
  const log = createLogger({
    level: "info",
    format: "text",
    write: (line) => appendFileSync(logFile, `${line}\n`),
    now: () => Date.now(),
  });
  const hub = await startHub(
    {
      dev: true,
      withAgent: true,
      data: join(folder, "hub"),
      http: listen(flags.http, "http"),
      mqtt: listen(flags.mqtt, "mqtt"),
      brokerUrl: null,
      retention: { days: 90, maxInstances: 1_000_000 },
      log: { level: "info", format: "text" },
      agentLog: logFile,
    },
    log,
  );
  return hub;
}

/** Resolves once the sensor of the sample pack runs. Rejects with its error when it cannot. */
function sensorRuns(hub: RunningHub): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = (change: Pick<Change & { type: "sensor" }, "sensor">): void => {
      const { sensor, state, last_error } = change.sensor;
      if (sensor !== "mypack.DirectorySensor") return;
      if (state === "running") resolve();
      if (state === "failed")
        reject(new PetrelError("SENSOR_INVALID", last_error ?? "the sensor failed", { where: sensor }));
    };
    hub.store.subscribeChanges((changes) => {
      for (const change of changes) if (change.type === "sensor") look(change);
    });
  });
}

/** One line for each step of a chain, in the order in which they happen. */
function printChains(hub: RunningHub): void {
  const time = (at: string) => at.slice(11, 19);
  const known = new Map<string, string>();
  hub.store.subscribeChanges((changes) => {
    for (const change of changes) {
      if (change.type === "instance" && change.instance.status !== "pending") {
        const { trigger, payload, received_at, origin } = change.instance;
        const what = isObject(payload) ? `${String(payload.status)} ${String(payload.path)}` : "";
        say(`${time(received_at)}  change     ${what}`);
        say(`          trigger    ${trigger} from agent ${origin.agent}  (${change.instance.id})`);
      } else if (change.type === "enforcement") {
        const { rule, status, failure_reason } = change.enforcement;
        say(
          `          rule       ${rule} ${status === "succeeded" ? "matched" : `failed: ${failure_reason}`}`,
        );
      } else if (change.type === "execution") {
        const { id, action, agent, status, reason } = change.execution;
        if (known.get(id) === status) continue;
        known.set(id, status);
        const isOver = change.execution.end_timestamp !== null;
        if (status === "scheduled") say(`          execution  ${action} on agent ${agent}  (${id})`);
        if (!isOver) continue;
        known.delete(id);
        say(`          result     ${status}${reason === null ? "" : `: ${reason}`}`);
      }
    }
  });
}

async function main(): Promise<number> {
  const watch = watchForEnd({ withParent: true });
  const ended = watch.ended.then((end) => {
    say("");
    say("Stopping …");
    return { ...end, [quit]: true };
  });
  let hub: RunningHub | null = null;
  try {
    say("Starting Petrel: hub, broker and one agent on this machine …");
    hub = await start();
    const running = sensorRuns(hub);
    const config = { sensor: { directories: [watched] }, log: output };
    await hub.operations.registerPack({ files: await readPackFolder(join(root, "packs", "mypack")), config });
    const first = await Promise.race([running, ended]);
    if (first === undefined) {
      // It appears when it is watched and not before, so that nothing put into it can be missed.
      await mkdir(watched, { recursive: true });
      say("");
      say(`  hub      ${hub.url}  (API key in ${shown(join(folder, "hub", "api.json"))})`);
      say(`  broker   ${hub.mqtt}  (inside the hub; loopback only)`);
      say("  agent    hub  (runs the sensor and the actions of pack mypack)");
      say(`  log      ${shown(logFile)}`);
      if (!hasPython())
        say("  python3  is not on this host: packs in Python answer PYTHON_MISSING, everything else runs");
      say("");
      say(`Watching ${shown(watched)}/. Try in another terminal:`);
      say("");
      say(`  touch ${shown(watched)}/hello`);
      say(`  cat ${shown(output)}`);
      say("");
      say("Each change adds one line to that file by the pack's action. Ctrl-C stops everything.");
      say("");
      printChains(hub);
    }
    const { code } = await ended;
    return (await hub.stop()) ? code : 1;
  } catch (error) {
    await hub?.stop();
    process.stderr.write(`${isPetrelError(error) ? formatError(error) : String((error as Error).stack)}\n`);
    return 1;
  } finally {
    watch.release();
  }
}

process.exitCode = await main();
