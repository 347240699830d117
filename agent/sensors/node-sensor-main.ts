/**
 * Entry point of the process of one TypeScript or JavaScript sensor.
 * The protocol runs on descriptor 3, so that whatever the author prints stays apart from it.
 */
import { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import type { Json } from "../../shared/json.ts";
import { loadStripped } from "../../shared/runtime/stripped-fs.ts";
import { LineCutter } from "./lines.ts";
import type { AgentMessage, AskMessage, SensorMessage, StartMessage, TriggerMessage } from "./messages.ts";
import type { Sensor, SensorConstructor } from "./sensor.ts";
import { ProtocolSensorService } from "./sensor-service.ts";

/** Bytes of a line from the agent: a page of values, of which each character may take six bytes of JSON. */
const maxAnswerBytes = 32 * 1024 * 1024;
/** Milliseconds to end in after the agent has gone: nobody is left to send a signal. */
const orphanGraceMs = 1_500;
/** Milliseconds that cleanup may take after an error. */
const failGraceMs = 5_000;
/** Seconds between polls when the metadata says none (st2 docs, Sensors). */
const defaultPollInterval = 5;

// For this process alone: what a sensor starts must not write there.
delete process.env.NODE_COMPILE_CACHE;
loadStripped();
const channel = new Socket({ fd: 3, readable: true, writable: true });
const stopping = new AbortController();
let service: ProtocolSensorService | null = null;
let sensor: Sensor | null = null;
let polling: Promise<void> = Promise.resolve();
let isRunOver = false;
let isEnding = false;

function sendLine(line: string): void {
  if (channel.writable) channel.write(line);
}

function send(message: SensorMessage): void {
  sendLine(`${JSON.stringify(message)}\n`);
}

/** Ends the process once everything sent has left it. */
function exit(code: number): void {
  // The agent may have stopped reading; that must not keep us.
  setTimeout(() => process.exit(code), 500);
  if (channel.writable) channel.end(() => process.exit(code));
  else process.exit(code);
}

async function cleanUp(): Promise<void> {
  const ending = sensor;
  sensor = null;
  await ending?.cleanup?.();
}

function fail(error: unknown, code: string): void {
  if (isEnding) return;
  isEnding = true;
  stopping.abort();
  const problem = error instanceof Error ? error : new Error(String(error));
  const detail = (problem.stack ?? "").slice(0, 8192);
  send({ op: "error", code, message: `${problem.name}: ${problem.message}`, detail });
  setTimeout(() => process.exit(1), failGraceMs);
  cleanUp().then(
    () => exit(1),
    () => exit(1),
  );
}

/** Ends in good order: the poll in progress, then cleanup, then the process; `graceMs` for all of it. */
function stop(graceMs: number): void {
  setTimeout(() => process.exit(1), graceMs);
  if (isEnding) return;
  isEnding = true;
  stopping.abort();
  const patience = sleep(graceMs / 2, undefined, { ref: false });
  Promise.race([polling, patience])
    .then(cleanUp)
    .then(
      () => exit(0),
      (error: unknown) => {
        send({ op: "error", code: "SENSOR_EXITED", message: `cleanup: ${String(error)}` });
        exit(1);
      },
    );
}

async function load(start: StartMessage, from: ProtocolSensorService): Promise<Sensor> {
  const module: Record<string, unknown> = await import(pathToFileURL(start.entry_point).href);
  // A CommonJS file's exports arrive as the default.
  const defaults = (module.default ?? {}) as Record<string, unknown>;
  const found = [module[start.class_name], defaults[start.class_name], module.default].find(
    (candidate) => typeof candidate === "function",
  );
  if (found === undefined) {
    const names = Object.keys({ ...module, ...defaults }).join(", ") || "nothing";
    throw new TypeError(`${start.entry_point} exports no class ${start.class_name}; it exports ${names}`);
  }
  return new (found as SensorConstructor)(from, start.config);
}

async function live(start: StartMessage): Promise<void> {
  const ready = new ProtocolSensorService({
    send: sendLine,
    window: start.window,
    pollInterval: start.poll_interval ?? defaultPollInterval,
    onPending: holdLoop,
  });
  service = ready;
  try {
    sensor = await load(start, ready);
    if (typeof sensor.poll !== "function" && typeof sensor.run !== "function")
      throw new TypeError(`class ${start.class_name} has neither poll() nor run()`);
  } catch (error) {
    fail(error, "SENSOR_INVALID");
    return;
  }
  await sensor.setup?.();
  for (const trigger of start.triggers) await sensor.addTrigger?.(trigger);
  isSetUp.resolve();
  send({ op: "ready" });
  if (typeof sensor.poll === "function") await pollForEver(sensor, ready);
  else await sensor.run?.();
  isRunOver = true;
  holdLoop(ready.pending);
}

async function pollForEver(polled: Sensor, at: ProtocolSensorService): Promise<void> {
  while (!stopping.signal.aborted) {
    const poll = (async () => void (await polled.poll?.()))();
    // Kept for `stop`, which only wants to know that it is over; the error is this loop's.
    polling = poll.catch(() => {});
    await poll;
    const pauseMs = Math.max(0, at.pollInterval * 1000);
    // An aborted sleep is the way out.
    await sleep(pauseMs, undefined, { signal: stopping.signal }).catch(() => {});
  }
}

/** After `run` returned, only unanswered messages and the author's own handles keep the process alive. */
function holdLoop(pending: number): void {
  if (isRunOver && pending === 0) channel.unref();
  else channel.ref();
}

/** What changed while it was set up comes after that, and each change after the one before. */
const isSetUp = Promise.withResolvers<void>();
let following: Promise<void> = isSetUp.promise;
function follow(message: TriggerMessage): void {
  following = following.then(() => callTrigger(message));
  following.catch((error: unknown) => fail(error, "SENSOR_EXITED"));
}

async function callTrigger({ op, trigger }: TriggerMessage): Promise<void> {
  if (op === "add_trigger") await sensor?.addTrigger?.(trigger);
  else if (op === "update_trigger") await sensor?.updateTrigger?.(trigger);
  else await sensor?.removeTrigger?.(trigger);
}

/** Never rejects: whatever goes wrong is the answer. */
async function answer({ request, question, arguments: args }: AskMessage): Promise<void> {
  const unknown = { code: "SENSOR_ASK_UNKNOWN", message: `this sensor knows no question '${question}'` };
  try {
    const value = (await sensor?.ask?.(question, args)) as Json | undefined;
    send({ op: "answer", request, ...(value === undefined ? { error: unknown } : { value }) });
  } catch (error) {
    const message = (error instanceof Error ? error.message : String(error)).slice(0, 4_096);
    const named = error instanceof Error && "code" in error && typeof error.code === "string";
    const code = named ? String(error.code).slice(0, 64) || "SENSOR_ASK_FAILED" : "SENSOR_ASK_FAILED";
    send({ op: "answer", request, error: { code, message } });
  }
}

function take(message: AgentMessage): void {
  switch (message.op) {
    case "start":
      live(message).catch((error: unknown) => fail(error, "SENSOR_EXITED"));
      break;
    case "add_trigger":
    case "update_trigger":
    case "remove_trigger":
      follow(message);
      break;
    case "accepted":
    case "refused":
    case "value":
      service?.take(message);
      break;
    case "ask":
      void answer(message);
      break;
    case "stop":
      stop(Math.max(500, message.grace_seconds * 1000 - 500));
      break;
    default:
    // A newer agent may say more; what we do not know we need not follow.
  }
}

const lines = new LineCutter(maxAnswerBytes);
channel.on("data", (chunk) => {
  for (const line of lines.push(chunk)) if (line.kind === "line") take(JSON.parse(line.text) as AgentMessage);
});
channel.on("close", () => stop(orphanGraceMs));
channel.on("end", () => stop(orphanGraceMs));
// A broken channel closes; "close" then ends the process.
channel.on("error", () => {});
process.on("SIGTERM", () => stop(5_000));
// Ctrl-C reaches the whole process group; the agent says when to go.
process.on("SIGINT", () => {});
process.on("uncaughtException", (error) => fail(error, "SENSOR_EXITED"));
process.on("unhandledRejection", (error) => fail(error, "SENSOR_EXITED"));
process.on("beforeExit", () => stop(5_000));
