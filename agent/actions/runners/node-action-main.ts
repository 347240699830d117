/** The process of one `node-script` action: waits at its gate, loads the pack's code, runs it, reports. */
import { readSync, writeSync } from "node:fs";
import { Socket } from "node:net";
import { pathToFileURL } from "node:url";
import type { Json } from "../../../shared/json.ts";
import type { DatastoreMessage, ValueMessage } from "../../sensors/messages.ts";
import { plainJson } from "./plain-json.ts";
import type { ScriptMessage, ScriptStart } from "./script-protocol.ts";

const messagesIn = 3;
const messagesOut = 4;

/** What an action gets: `new Action(context)`, or `action(parameters, context)` for a plain function. */
interface ActionContext {
  readonly config: Json;
  readonly logger: ReturnType<typeof actionLogger>;
  readonly service: ReturnType<typeof datastoreService>;
}

/** Reads up to the first line end, blocking: until then there is nothing to do. `null` at end-of-file. */
function readGate(): string | null {
  const chunks: Buffer[] = [];
  const chunk = Buffer.alloc(64 * 1024);
  for (;;) {
    const length = readSync(messagesIn, chunk);
    // The agent went before the start was on disk: then this action never happened.
    if (length === 0) return null;
    chunks.push(Buffer.from(chunk.subarray(0, length)));
    if (chunk[length - 1] === 0x0a) return Buffer.concat(chunks).toString("utf8");
  }
}

function send(message: ScriptMessage): void {
  const bytes = Buffer.from(`${JSON.stringify(message)}\n`);
  for (let sent = 0; sent < bytes.length; ) sent += writeSync(messagesOut, bytes, sent);
}

const levels = { DEBUG: 10, INFO: 20, WARNING: 30, ERROR: 40, CRITICAL: 50, AUDIT: 60 };
type Level = keyof typeof levels;

/** Writes to standard error, in the form of StackStorm's Python actions. */
function actionLogger(name: string, lowest: string) {
  const from = levels[lowest as Level] ?? levels.DEBUG;
  const write = (level: Level) => (message: unknown) => {
    if (levels[level] >= from)
      process.stderr.write(`st2.actions.node.${name}: ${level.padEnd(8)} ${message}\n`);
  };
  return {
    debug: write("DEBUG"),
    info: write("INFO"),
    warn: write("WARNING"),
    error: write("ERROR"),
  };
}

type Call<M> = M extends DatastoreMessage ? Omit<M, "request"> : never;

/** StackStorm's datastore methods (st2 docs, Action Runners, action_service); names are local by default. */
function datastoreService() {
  const waiting = new Map<number, (answer: ValueMessage) => void>();
  let answers: Socket | null = null;
  let rest = "";
  let requests = 0;
  const listen = () => {
    if (answers !== null) return;
    answers = new Socket({ fd: messagesIn, readable: true, writable: false });
    answers.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const answer = JSON.parse(line) as ValueMessage;
        waiting.get(answer.request)?.(answer);
        waiting.delete(answer.request);
      }
    });
  };
  const ask = (call: Call<DatastoreMessage>): Promise<Json> => {
    listen();
    const request = ++requests;
    return new Promise((resolve, reject) => {
      waiting.set(request, ({ value, error }) => {
        if (error === undefined) resolve(value ?? null);
        else reject(Object.assign(new Error(error.message), { code: error.code }));
      });
      send({ ...call, request } as DatastoreMessage);
    });
  };
  return {
    getValue: (name: string, { local = true, decrypt = false } = {}) =>
      ask({ op: "get_value", name, local, decrypt }),
    setValue: (
      name: string,
      value: string,
      { local = true, ttl = null as number | null, encrypt = false } = {},
    ) => ask({ op: "set_value", name, value, local, ttl, encrypt }),
    listValues: ({
      local = true,
      prefix = null as string | null,
      limit = null as number | null,
      offset = null as number | null,
    } = {}) => ask({ op: "list_values", local, prefix, limit, offset }),
    deleteValue: (name: string, { local = true } = {}) => ask({ op: "delete_value", name, local }),
  };
}

type ActionClass = new (context: ActionContext) => { run(parameters: Json): unknown };
type ActionFunction = (parameters: Json, context: ActionContext) => unknown;

function isClass(value: unknown): value is ActionClass {
  return typeof value === "function" && typeof value.prototype?.run === "function";
}

/** The default export, else the first exported class that has a `run`. */
function findAction(exported: Record<string, unknown>, path: string): ActionClass | ActionFunction {
  const byDefault = exported.default;
  if (isClass(byDefault)) return byDefault;
  const named = Object.values(exported).find(isClass);
  if (named !== undefined) return named;
  if (typeof byDefault === "function") return byDefault as ActionFunction;
  throw new TypeError(`${path} exports neither a class with a method run() nor a default function`);
}

function fail(error: unknown): never {
  const thrown = error instanceof Error ? error : new Error(String(error));
  const traceback = thrown.stack ?? String(thrown);
  process.stderr.write(`${traceback}\n`);
  send({ op: "exception", type: thrown.name, message: thrown.message, traceback });
  process.exit(1);
}

async function main(start: ScriptStart): Promise<void> {
  const exported = (await import(pathToFileURL(start.entry_point).href)) as Record<string, unknown>;
  const action = findAction(exported, start.entry_point);
  const name = action.name === "" || action.name === "default" ? start.action : action.name;
  send({ op: "loaded", class_name: name });
  const context = {
    config: start.config,
    logger: actionLogger(name, start.log_level),
    service: datastoreService(),
  };
  const returned: unknown = isClass(action)
    ? await new action(context).run(start.parameters)
    : await action(start.parameters, context);
  const isPair = Array.isArray(returned) && returned.length === 2 && typeof returned[0] === "boolean";
  const [status, result] = isPair ? (returned as [boolean, unknown]) : [null, returned];
  const { value, converted } = plainJson(result);
  send({ op: "result", result: value, status, ...(converted && { converted }) });
}

process.on("uncaughtException", fail);
process.on("unhandledRejection", fail);
const opened = readGate();
if (opened === null) process.exit(125);
// Timers and sockets the author forgot do not keep a finished action running.
main(JSON.parse(opened) as ScriptStart).then(() => process.exit(), fail);
