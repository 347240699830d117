/** The sample set-up of `npm start`: hub, broker, the agent beside it, packs mypack and watch, a watched folder; prints each chain. */
import { spawnSync } from "node:child_process";
import { appendFileSync, constants, renameSync, statSync } from "node:fs";
import { access, mkdir } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { RunningHub } from "../hub/hub-options.ts";
import { startHub } from "../hub/main.ts";
import type { Change } from "../hub/store/port/changes.ts";
import { defaultShares } from "../shared/config/hub-config.ts";
import { parseListen } from "../shared/config/listen.ts";
import { formatError, isPetrelError, PetrelError } from "../shared/errors.ts";
import { createLogger } from "../shared/log.ts";
import { readPackFolder } from "../shared/packs/read-pack-fs.ts";
import { watchForEnd } from "../shared/signals-process.ts";
import { chainLines } from "./chain-lines.ts";

const root = resolve(import.meta.dirname, "..");
const folder = join(root, ".petrel");
const watched = join(folder, "watched");
const output = join(folder, "output");
const logFile = join(folder, "hub.log");
const shown = (path: string) => relative(root, path);
const say = (line: string) => process.stdout.write(`${line}\n`);
const mostLogBytes = 8 * 1024 * 1024;

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

/** The action would fail at each change otherwise, and whoever touched a file would wait for its line. */
async function makeOutputWritable(): Promise<void> {
  try {
    await access(output, constants.W_OK);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return; // the first change makes it
    throw new PetrelError("FOLDER_UNUSABLE", `the output cannot be written: ${(cause as Error).message}`, {
      where: output,
      hint: "mend its owner and mode, or remove it",
      cause,
    });
  }
}

/** The hub names its own flags; behind `npm start` they come after `--`. */
function forNpm(error: unknown): unknown {
  if (!isPetrelError(error) || error.code !== "HUB_PORT_IN_USE") return error;
  return new PetrelError(error.code, error.message, {
    where: error.where,
    hint: "stop it, or choose other ports: `npm start -- --http 7490 --mqtt 7493`",
    cause: error,
  });
}

async function start(): Promise<RunningHub> {
  const flags = readFlags();
  await makeWritable(folder);
  await makeOutputWritable();
  prepareLog();
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
      retention: { days: 90, maxBytes: null, maxInstances: 1_000_000 },
      certificateSeconds: 86_400,
      lostAfter: 120,
      shares: defaultShares,
      loopDepth: 8,
      timers: { catchUp: "last" },
      log: { level: "info", format: "text" },
      agentLog: logFile,
    },
    log,
  );
  return hub;
}

/** Whoever watches `watched`: the sample pack, and the built-in sensor, which knows who made a change. */
const sensors = ["mypack.DirectorySensor", "watch.FileWatch"];

/** Resolves once all of them run. Rejects with the error of the first that cannot. */
function sensorsRun(hub: RunningHub): Promise<void> {
  return new Promise((resolve, reject) => {
    const running = new Set<string>();
    const look = (change: Pick<Change & { type: "sensor" }, "sensor">): void => {
      const { sensor, state, last_error } = change.sensor;
      if (!sensors.includes(sensor)) return;
      if (state === "running") running.add(sensor);
      if (running.size === sensors.length) resolve();
      if (state === "failed")
        reject(new PetrelError("SENSOR_INVALID", last_error ?? "the sensor failed", { where: sensor }));
    };
    hub.store.subscribeChanges((changes) => {
      for (const change of changes) if (change.type === "sensor") look(change);
    });
  });
}

/** What somebody has configured since the first start stays. */
async function assignWatch({ store, operations }: RunningHub): Promise<void> {
  const pack = await store.pack("watch");
  if (pack === null || pack.assigned_to.length > 0) return;
  await operations.assignPack("watch", "all", () => ({ paths: [{ path: watched }] }));
}

/** A log that was left to grow for weeks is put aside, and one that cannot be written is said now. */
function prepareLog(): void {
  try {
    if ((statSync(logFile, { throwIfNoEntry: false })?.size ?? 0) > mostLogBytes)
      renameSync(logFile, `${logFile}.old`);
    appendFileSync(logFile, "");
  } catch (cause) {
    throw new PetrelError("FOLDER_UNUSABLE", `the log cannot be written: ${(cause as Error).message}`, {
      where: logFile,
      hint: "mend its owner and mode, or remove it",
      cause,
    });
  }
}

/** Nothing is said while the sensor is awaited; whoever waits too long is told where to look. */
function sayWhileWaiting(): () => void {
  const timer = setInterval(
    () => say(`Still waiting for the agent and its sensors; ${shown(logFile)} says what they are at.`),
    20_000,
  );
  return () => clearInterval(timer);
}

async function main(): Promise<number> {
  const watch = watchForEnd({ withParent: true });
  let failed = false;
  const ended = watch.ended.then((end) => {
    if (!failed) {
      say("");
      say("Stopping …");
    }
    return end;
  });
  // `npm start | head`: nobody listens any more, and everything else goes on until it is told to stop.
  process.stdout.on("error", () => {});
  let hub: RunningHub | null = null;
  try {
    say("Starting Petrel: hub, broker and one agent on this machine …");
    hub = await start();
    const running = sensorsRun(hub);
    // Awaited further down; a sensor that fails before that is no unhandled rejection.
    running.catch(() => {});
    const config = { sensor: { directories: [watched] }, log: output };
    await hub.operations.registerPack({ files: await readPackFolder(join(root, "packs", "mypack")), config });
    await assignWatch(hub);
    const stopSaying = sayWhileWaiting();
    const end = await Promise.race([running, ended]).finally(stopSaying);
    if (end === undefined) {
      // It appears when it is watched and not before, so that nothing put into it can be missed.
      await makeWritable(watched);
      say("");
      say(`  hub      ${hub.url}  (API key in ${shown(join(folder, "hub", "api.json"))})`);
      say(`  broker   ${hub.mqtt}  (inside the hub; loopback only)`);
      say("  agent    hub  (runs the sensor and the actions of pack mypack, and watch.FileWatch)");
      say(`  log      ${shown(logFile)}`);
      if (!hasPython())
        say("  python3  is not on this host: packs in Python answer PYTHON_MISSING, everything else runs");
      say("");
      say(`Watching ${shown(watched)}/. Try in another terminal:`);
      say("");
      say(`  touch ${shown(watched)}/hello`);
      say(`  cat ${shown(output)}`);
      say("");
      say("Each change adds one line to that file by the pack's action; watch.FileWatch says who made it.");
      say("Ctrl-C stops everything.");
      say("");
      const lines = chainLines();
      hub.store.subscribeChanges((changes) => changes.flatMap(lines).forEach(say));
    }
    const { code } = await ended;
    return (await hub.stop()) ? code : 1;
  } catch (caught) {
    const error = forNpm(caught);
    failed = true;
    await hub?.stop();
    process.stderr.write(`${isPetrelError(error) ? formatError(error) : String((error as Error).stack)}\n`);
    return 1;
  } finally {
    watch.release();
  }
}

process.exitCode = await main();
