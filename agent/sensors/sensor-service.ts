/** The sensor's side of the protocol in a Node process: numbers dispatches, keeps the window, matches answers. */
import type { Json } from "../../shared/json.ts";
import { encodeLine } from "./lines.ts";
import type {
  AcceptedMessage,
  DispatchMessage,
  RefusedMessage,
  SensorMessage,
  ValueMessage,
} from "./messages.ts";
import type { SensorLogger, SensorService } from "./sensor.ts";

interface Waiting<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

/** As it was when the author gave it: what is changed afterwards is not sent. */
interface Unsent {
  /** Of a dispatch. */
  readonly id: number | null;
  readonly line: string;
}

export interface ServiceOptions {
  /** Sends a line, with its line end. */
  readonly send: (line: string) => void;
  /** Dispatches that may be unaccepted. */
  readonly window: number;
  /** Seconds. */
  readonly pollInterval: number;
  /** Called when the number of things waited for becomes 0 or leaves 0. */
  readonly onPending?: (pending: number) => void;
}

/** An error with one of Petrel's codes, as the author sees it. */
function refusal(code: string, message: string): Error {
  return Object.assign(new Error(`${code}: ${message}`), { code });
}

/** A SensorService, and the door through which the agent's answers come in. */
export class ProtocolSensorService implements SensorService {
  pollInterval: number;
  readonly #options: ServiceOptions;
  readonly #dispatches = new Map<number, Waiting<number>>();
  /** Beyond the window, in order; what came after a waiting dispatch waits behind it. */
  #unsent: Unsent[] = [];
  readonly #requests = new Map<number, Waiting<Json>>();
  #lastId = 0;
  #lastRequest = 0;
  #accepted = 0;

  constructor(options: ServiceOptions) {
    this.#options = options;
    this.pollInterval = options.pollInterval;
  }

  /** Dispatches not yet accepted, and calls not yet answered. */
  get pending(): number {
    return this.#dispatches.size + this.#requests.size;
  }

  logger(name: string): SensorLogger {
    const at = (level: "debug" | "info" | "warn" | "error") => (message: string) =>
      this.#options.send(encodeLine({ op: "log", level, logger: name, message: String(message) }));
    return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  }

  dispatch(
    trigger: string,
    payload: Json,
    options: Parameters<SensorService["dispatch"]>[2] = {},
  ): Promise<number> {
    const { traceTag, key, set, bulk } = options;
    const texts =
      set &&
      Object.fromEntries(
        Object.entries(set).map(([name, value]) => [name, value === null ? null : String(value)]),
      );
    const id = this.#lastId + 1;
    const message: DispatchMessage = {
      op: "dispatch",
      id,
      trigger,
      payload: payload ?? null,
      ...(traceTag !== undefined && { trace_tag: traceTag }),
      ...(key !== undefined && { key }),
      ...(texts !== undefined && { set: texts }),
      ...(bulk === true && { bulk }),
    };
    let line = "";
    const accepted = new Promise<number>((resolve, reject) => {
      // Rejects when the payload is no JSON: a cycle, a bigint.
      line = encodeLine(message);
      this.#lastId = id;
      this.#dispatches.set(id, { resolve, reject });
    });
    // The agent logs every refusal; an author who does not await must not lose the sensor to it.
    accepted.catch(() => {});
    if (line === "") return accepted;
    this.#tellPending();
    this.#sendInOrder({ id, line });
    return accepted;
  }

  checkpoint({ upTo = this.#accepted, earlier = false }: { upTo?: number; earlier?: boolean } = {}): void {
    this.#sendInOrder({ id: null, line: encodeLine({ op: "checkpoint", upTo, earlier }) });
  }

  async getValue(name: string, { local = true, decrypt = false } = {}): Promise<string | null> {
    const value = await this.#ask((request) => ({ op: "get_value", request, name, local, decrypt }));
    return typeof value === "string" ? value : null;
  }

  async setValue(
    name: string,
    value: string,
    { local = true, encrypt = false, ttl }: { local?: boolean; encrypt?: boolean; ttl?: number } = {},
  ): Promise<void> {
    await this.#ask((request) => ({
      op: "set_value",
      request,
      name,
      value: String(value),
      local,
      encrypt,
      ...(ttl !== undefined && { ttl }),
    }));
  }

  async listValues({
    local = true,
    prefix,
    limit,
    offset,
  }: {
    local?: boolean;
    prefix?: string;
    limit?: number;
    offset?: number;
  } = {}): Promise<readonly { name: string; value: string }[]> {
    const found = await this.#ask((request) => ({
      op: "list_values",
      request,
      local,
      ...(prefix !== undefined && { prefix }),
      ...(limit !== undefined && { limit }),
      ...(offset !== undefined && { offset }),
    }));
    return Array.isArray(found) ? (found as unknown as readonly { name: string; value: string }[]) : [];
  }

  async deleteValue(name: string, { local = true } = {}): Promise<boolean> {
    return (await this.#ask((request) => ({ op: "delete_value", request, name, local }))) === true;
  }

  /** Takes one of the agent's answers. */
  take(message: AcceptedMessage | RefusedMessage | ValueMessage): void {
    if (message.op === "value") this.#answer(message);
    else if (message.op === "refused") this.#refuse(message);
    else this.#accept(message.upTo);
    this.#tellPending();
  }

  #accept(upTo: number): void {
    this.#accepted = Math.max(this.#accepted, upTo);
    for (const [id, waiting] of this.#dispatches) {
      if (id > this.#accepted) break;
      this.#dispatches.delete(id);
      waiting.resolve(id);
    }
    const blocked = this.#unsent.findIndex((message) => !this.#fits(message));
    const sendable = this.#unsent.splice(0, blocked === -1 ? this.#unsent.length : blocked);
    for (const { line } of sendable) this.#options.send(line);
  }

  /** A value that says how far the author has come must not overtake the triggers it speaks of. */
  #sendInOrder(message: Unsent): void {
    if (this.#unsent.length === 0 && this.#fits(message)) this.#options.send(message.line);
    else this.#unsent.push(message);
  }

  #fits({ id }: Unsent): boolean {
    return id === null || id - this.#accepted <= this.#options.window;
  }

  #refuse({ id, code, message }: RefusedMessage): void {
    this.#dispatches.get(id)?.reject(refusal(code, message));
    this.#dispatches.delete(id);
  }

  #answer({ request, value, error }: ValueMessage): void {
    const waiting = this.#requests.get(request);
    this.#requests.delete(request);
    if (error === undefined) waiting?.resolve(value ?? null);
    else waiting?.reject(refusal(error.code, error.message));
  }

  #ask(message: (request: number) => SensorMessage): Promise<Json> {
    const request = ++this.#lastRequest;
    const answer = new Promise<Json>((resolve, reject) => {
      this.#requests.set(request, { resolve, reject });
    });
    this.#tellPending();
    this.#sendInOrder({ id: null, line: encodeLine(message(request)) });
    return answer;
  }

  #tellPending(): void {
    this.#options.onPending?.(this.pending);
  }
}
