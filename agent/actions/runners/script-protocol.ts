/** What the agent and a running Python or JavaScript action say to each other, one JSON text a line. */
import type { JsonObject } from "../../../shared/json.ts";
import { isObject } from "../../../shared/json.ts";
import type { DatastoreMessage, ValueMessage } from "../../sensors/messages.ts";
import type { ScriptReport } from "../outcome.ts";

/** Opens the gate; everything a script is told. Secrets may be in it, so it travels in no argument. */
export interface ScriptStart {
  readonly op: "start";
  /** Action ref. */
  readonly action: string;
  readonly execution: string;
  readonly pack: string;
  /** Absolute paths. */
  readonly pack_folder: string;
  readonly entry_point: string;
  readonly parameters: JsonObject;
  readonly config: JsonObject;
  /** Python's level names. */
  readonly log_level: string;
}

/** The code is loaded; the class's name prefixes its local datastore names. */
export interface ScriptLoaded {
  readonly op: "loaded";
  readonly class_name: string;
}

export type ScriptMessage = ScriptReport | ScriptLoaded | DatastoreMessage;
export type ScriptAnswer = ScriptStart | ValueMessage;

const datastoreOps = new Set(["get_value", "set_value", "list_values", "delete_value"]);

/** `null` for a line that is none of the messages above: it is dropped, whoever wrote it. */
export function parseScriptMessage(line: string): ScriptMessage | null {
  let message: unknown;
  try {
    message = JSON.parse(line);
  } catch {
    // Descriptor 4 is open to the author's code; what is no JSON is no message.
    return null;
  }
  return isObject(message) && isWellFormed(message) ? (message as unknown as ScriptMessage) : null;
}

function isWellFormed(message: Record<string, unknown>): boolean {
  const isText = (name: string) => typeof message[name] === "string";
  if (typeof message.op === "string" && datastoreOps.has(message.op)) {
    const needsName = message.op !== "list_values";
    return Number.isInteger(message.request) && (!needsName || isText("name"));
  }
  switch (message.op) {
    case "loaded":
      return isText("class_name");
    case "result":
      return "result" in message && (message.status === null || typeof message.status === "boolean");
    case "exception":
      return isText("type") && isText("message") && isText("traceback");
    case "invalid-status":
      return isText("message");
    default:
      return false;
  }
}
