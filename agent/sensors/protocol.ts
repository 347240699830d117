/** The line protocol between agent and sensor: schemas of both directions, and what a line turns out to be. */
import { parseExact } from "../../shared/exact-json.ts";
import { isObject } from "../../shared/json.ts";
import { type Check, checksWith, errorsText } from "../../shared/validation.ts";
import type { AgentMessage, DatastoreMessage, SensorMessage } from "./messages.ts";

/** Longest `key` of a dispatch, in characters: two paths of Linux's PATH_MAX and a version. */
export const maxKeyLength = 8500;
/** Longest name of a datastore value, in characters. */
export const maxNameLength = 512;
/** Longest name of a question, in characters. */
export const maxQuestionLength = 128;
/** Longest value of the local datastore, in characters. */
export const maxValueLength = 64 * 1024;

const count = { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER };
const positive = { ...count, minimum: 1 };
const text = (maxLength: number, minLength = 0) => ({ type: "string", minLength, maxLength });
const orNull = (schema: object) => ({ anyOf: [schema, { type: "null" }] });
const name = text(maxNameLength, 1);
const value = text(maxValueLength);
const flag = { type: "boolean" };

/** Unknown fields pass: a newer peer may know more. */
function message(required: readonly string[], properties: Record<string, object>): object {
  return { type: "object", required: ["op", ...required], properties };
}

const trigger = {
  type: "object",
  required: ["id", "ref", "uid", "name", "pack", "type", "parameters", "description"],
  properties: { parameters: { type: "object" } },
};

const fromAgent: Record<AgentMessage["op"], object> = {
  start: message(
    [
      "sensor",
      "pack",
      "class_name",
      "entry_point",
      "pack_folder",
      "config",
      "parameters",
      "poll_interval",
      "triggers",
      "window",
    ],
    {
      sensor: name,
      pack: name,
      class_name: name,
      entry_point: text(8192, 1),
      pack_folder: text(8192, 1),
      config: { type: "object" },
      parameters: { type: "object" },
      poll_interval: orNull({ type: "number", exclusiveMinimum: 0 }),
      triggers: { type: "array", items: trigger },
      window: positive,
    },
  ),
  add_trigger: message(["trigger"], { trigger }),
  update_trigger: message(["trigger"], { trigger }),
  remove_trigger: message(["trigger"], { trigger }),
  value: message(["request"], {
    request: count,
    error: { type: "object", required: ["code", "message"] },
  }),
  accepted: message(["upTo"], { upTo: count }),
  refused: message(["id", "code", "message"], { id: positive, code: name, message: text(8192) }),
  ask: message(["request", "question", "arguments"], {
    request: count,
    question: text(maxQuestionLength, 1),
    arguments: { type: "object" },
  }),
  stop: message(["grace_seconds"], { grace_seconds: { type: "number", minimum: 0 } }),
};

const request = { request: count, local: flag };
const fromSensor: Record<SensorMessage["op"], object> = {
  dispatch: message(["id", "trigger"], {
    id: positive,
    // pack.name, as shared/ref.ts splits it; the name may hold dots, never blanks or control characters.
    trigger: { type: "string", maxLength: 256, pattern: "^[a-z0-9_]+\\.[^\\s\\u0000-\\u001f]+$" },
    parameters: { type: "object" },
    trace_tag: orNull(text(256)),
    key: orNull(text(maxKeyLength, 1)),
    set: {
      type: "object",
      maxProperties: 64,
      propertyNames: name,
      additionalProperties: orNull(value),
    },
    bulk: flag,
  }),
  checkpoint: message(["upTo"], { upTo: count, earlier: flag }),
  get_value: message(["request", "name"], { ...request, name, decrypt: flag }),
  set_value: message(["request", "name", "value"], {
    ...request,
    name,
    value,
    ttl: orNull({ type: "number", exclusiveMinimum: 0, maximum: 1e10 }),
    encrypt: flag,
  }),
  list_values: message(["request"], {
    ...request,
    prefix: orNull(text(maxNameLength)),
    limit: orNull(positive),
    offset: orNull(count),
  }),
  delete_value: message(["request", "name"], { ...request, name }),
  answer: message(["request"], {
    request: count,
    error: {
      type: "object",
      required: ["code", "message"],
      properties: { code: text(64, 1), message: text(8192) },
    },
  }),
  log: message(["level", "message"], {
    level: { enum: ["debug", "info", "warn", "error"] },
    message: { type: "string" },
    logger: text(256),
  }),
  ready: message([], {}),
  error: message(["message"], { message: { type: "string" }, code: text(64), detail: { type: "string" } }),
};

const check = checksWith({ strict: false, allErrors: true });
function checks(schemas: Record<string, object>): ReadonlyMap<string, Check> {
  return new Map(Object.entries(schemas).map(([op, schema]) => [op, check(schema)]));
}
const sensorChecks = checks(fromSensor);
const agentChecks = checks(fromAgent);

export type DecodedLine<M> =
  | { readonly kind: "message"; readonly message: M }
  /** No message of ours: the author's own output, to be logged. */
  | { readonly kind: "stray" }
  /** One of our operations with wrong fields. `id` and `request` are there when an answer is possible. */
  | {
      readonly kind: "invalid";
      readonly op: string;
      readonly problem: string;
      readonly id: number | null;
      readonly request: number | null;
    };

function wholeNumber(candidate: unknown): number | null {
  return Number.isSafeInteger(candidate) && Number(candidate) >= 0 ? Number(candidate) : null;
}

function decode<M>(line: string, checks: ReadonlyMap<string, Check>): DecodedLine<M> {
  if (!line.startsWith("{")) return { kind: "stray" };
  let parsed: unknown;
  try {
    parsed = parseExact(line);
  } catch {
    // Authors print; what is not JSON is their output, not an error.
    return { kind: "stray" };
  }
  if (!isObject(parsed) || typeof parsed.op !== "string") return { kind: "stray" };
  const { op } = parsed;
  const check = checks.get(op);
  if (check === undefined) return { kind: "stray" };
  const isValid: boolean = check(parsed);
  if (isValid) return { kind: "message", message: parsed as M };
  const problem = errorsText(check.errors, op);
  return { kind: "invalid", op, problem, id: wholeNumber(parsed.id), request: wholeNumber(parsed.request) };
}

/** One field of a flat start of an object: a number, or a text without escapes. */
const leadingField = /^[{,]\s*"([a-z_]+)"\s*:\s*(?:(\d{1,16})|"([^"\\]*)")\s*(?=[,}])/;

/**
 * What an over-long line was about, by the fields it begins with, up to the first that is neither number nor plain
 * text: so that its sender need not wait for an answer for ever.
 */
export function decodeHead(head: string): {
  readonly op: string;
  readonly id: number | null;
  readonly request: number | null;
} {
  const fields = new Map<string, string>();
  let rest = head;
  for (let found = leadingField.exec(rest); found !== null; found = leadingField.exec(rest)) {
    const [all, name = "", digits, text = ""] = found;
    if (!fields.has(name)) fields.set(name, digits ?? text);
    rest = rest.slice(all.length);
  }
  const numberOf = (name: string) => (fields.has(name) ? wholeNumber(Number(fields.get(name))) : null);
  return { op: fields.get("op") ?? "", id: numberOf("id"), request: numberOf("request") };
}

/** What a line from a sensor's process is. Never throws. */
export function decodeSensorLine(line: string): DecodedLine<SensorMessage> {
  return decode(line, sensorChecks);
}

/** What a line from the agent is; for runtimes and tests. Never throws. */
export function decodeAgentLine(line: string): DecodedLine<AgentMessage> {
  return decode(line, agentChecks);
}

/** What is wrong with a datastore call that came another way, from an action; `null` when nothing is. */
export function datastoreProblem(call: DatastoreMessage): string | null {
  const check = sensorChecks.get(call.op);
  if (check === undefined) return `no such call: ${call.op}`;
  const isValid: boolean = check(call);
  return isValid ? null : errorsText(check.errors, call.op);
}
