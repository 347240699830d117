/** The watching sensor as its agent starts it, and an agent that accepts everything at once and keeps no disk busy. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { fileURLToPath, pathToFileURL } from "node:url";
import { findProgram } from "../../agent/sensors/launch-fs.ts";
import type { SensorMessage } from "../../agent/sensors/messages.ts";
import { startMessage } from "../../agent/sensors/start-message.ts";
import type { Json, JsonObject } from "../../shared/json.ts";
import type { SensorDefinition } from "../../shared/model/pack.ts";

export interface Told {
  readonly trigger: string;
  readonly payload: JsonObject;
  /** `performance.now()` */
  readonly at: number;
}

export interface WatchingSensor {
  readonly pid: number;
  /** Resolves when changes are heard of, and when everything has been looked at: ms since the start. */
  readonly live: Promise<number>;
  readonly ready: Promise<number>;
  onTold(listener: (told: Told) => void): void;
  stop(): Promise<void>;
}

const root = fileURLToPath(new URL("../../", import.meta.url));
const packFolder = join(root, "packs", "watch");
const definition: SensorDefinition = {
  ref: "watch.FileWatch",
  pack: "watch",
  class_name: "FileWatch",
  entry_point: "file_watch.ts",
  description: "",
  enabled: true,
  poll_interval: null,
  language: "node",
  trigger_types: [],
};

// As `bin/petrel-agent` has it for the agent, which hands it on.
enableCompileCache(join(root, "node_modules", ".cache", "petrel"));

/** `folder` holds what the sensor keeps: the same one again is a restart. */
export async function startFileWatch(folder: string, config: JsonObject): Promise<WatchingSensor> {
  mkdirSync(folder, { recursive: true });
  const program = await findProgram(
    { definition, packFolder },
    {
      node: [
        process.execPath,
        "--disable-warning=ExperimentalWarning",
        join(root, "agent/sensors/node-sensor-main.ts"),
      ],
      pythonFolder: "",
      dataFolder: folder,
      ownSensors: pathToFileURL(join(root, "agent/watch")).href,
      env: { PATH: process.env.PATH ?? "", HOME: folder },
    },
  );
  const began = performance.now();
  const child = spawn(program.command, [...program.args], {
    cwd: program.cwd,
    env: program.env,
    stdio: ["ignore", "inherit", "inherit", "pipe"],
  });
  const channel = child.stdio[3] as Duplex;
  const values = new Map<string, string>();
  const listeners: ((told: Told) => void)[] = [];
  const live = Promise.withResolvers<number>();
  const ready = Promise.withResolvers<number>();
  const exited = once(child, "exit");
  const ended = exited.then(([code]) => new Error(`the sensor ended with code ${code}`));
  for (const each of [live, ready]) {
    each.promise.catch(() => {});
    void ended.then((error) => each.reject(error));
  }
  const send = (message: object) => void (channel.writable && channel.write(`${JSON.stringify(message)}\n`));
  const put = (name: string, value: Json) =>
    value === null ? values.delete(name) : values.set(name, String(value));
  const answer = (request: number, value: Json) => send({ op: "value", request, value });
  const heard = (message: SensorMessage): number => {
    switch (message.op) {
      case "ready":
        ready.resolve(performance.now() - began);
        return 0;
      case "log":
        if (message.message.includes(" is live, by ")) live.resolve(performance.now() - began);
        else if (message.level === "warn" || message.level === "error")
          console.error(`  ! ${message.message}`);
        return 0;
      case "error":
        console.error(`  ! ${message.message}`);
        return 0;
      case "dispatch": {
        for (const [name, value] of Object.entries(message.set ?? {})) put(name, value);
        const told = {
          trigger: message.trigger,
          payload: message.payload as JsonObject,
          at: performance.now(),
        };
        for (const listener of listeners) listener(told);
        return message.id;
      }
      case "get_value":
        answer(message.request, values.get(message.name) ?? null);
        return 0;
      case "set_value":
        put(message.name, message.value);
        answer(message.request, true);
        return 0;
      case "delete_value":
        answer(message.request, values.delete(message.name));
        return 0;
      case "list_values": {
        const { prefix, offset, limit } = message;
        const from = offset ?? 0;
        const names = [...values.keys()].filter((name) => name.startsWith(prefix ?? "")).sort();
        answer(
          message.request,
          names.slice(from, from + (limit ?? 100)).map((name) => ({ name, value: values.get(name) ?? "" })),
        );
        return 0;
      }
      default:
        return 0;
    }
  };
  let rest = "";
  channel.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    let upTo = 0;
    for (const line of lines) upTo = Math.max(upTo, heard(JSON.parse(line) as SensorMessage));
    if (upTo > 0) send({ op: "accepted", upTo });
  });
  channel.on("error", () => {});
  send(startMessage({ definition, triggerTypes: [], packFolder, config }));
  return {
    pid: child.pid ?? 0,
    live: live.promise,
    ready: ready.promise,
    onTold: (listener) => void listeners.push(listener),
    async stop() {
      send({ op: "stop", grace_seconds: 10 });
      const timer = setTimeout(() => child.kill("SIGKILL"), 15_000);
      await exited;
      clearTimeout(timer);
    },
  };
}
