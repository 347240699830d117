/** Asks the hub's HTTP API, and waits for a hub that is starting. */

import type { IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { addressPatience } from "../../shared/address-patience.ts";
import { catalogue, type ErrorCode, PetrelError } from "../../shared/errors.ts";
import { isObject } from "../../shared/json.ts";
import { http, https } from "../../shared/node-http.ts";
import { userHeader } from "../http/presented-key.ts";
import { certificateError, trustOptions } from "./api-trust.ts";
import type { HubAddress } from "./hub-address-fs.ts";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
export type Query = Readonly<Record<string, string | number | undefined>>;

export interface RequestParts {
  readonly query?: Query;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as YAML text. */
  readonly yaml?: string;
  /** Sent as they are. */
  readonly bytes?: Uint8Array;
}

export interface ApiClient {
  /** The answer's JSON, `null` when it has none. Throws what the hub refused, or HUB_UNREACHABLE. */
  ask<T>(method: Method, path: string, parts?: RequestParts): Promise<T>;
  /** Whole NDJSON lines, as they come, several at a time. */
  lines(path: string, query: Query): AsyncIterable<readonly string[]>;
}

export interface ApiClientOptions {
  /** Asked again until there is an answer or the wait is over. */
  readonly find: () => Promise<HubAddress | null>;
  /** Where it was looked for, for the error. */
  readonly where: string;
  /** How long to wait for a hub that does not answer yet. */
  readonly waitMs: number;
  /** Who runs the command: the hub takes the word of whoever can read the local key. */
  readonly user?: string;
}

const retryMs = 100;
/** Milliseconds of silence on an open connection. */
const silenceMs = 120_000;

/** An error before the request went out: asking again cannot do a thing twice. */
const notSent = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"]);
/** The connection broke on the way: the hub may have done what was asked. */
const broken = new Set(["ECONNRESET", "EPIPE", "ETIMEDOUT"]);

const codeOf = (error: unknown): string =>
  isObject(error) || error instanceof Error ? String((error as { code?: unknown }).code) : "";

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

/** The hub's refusal as the same error it was there. A code of a newer hub keeps its name in the text. */
function refusal(text: string, status: number, url: string): PetrelError {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = null;
  }
  const error = isObject(body) && isObject(body.error) ? body.error : null;
  if (error === null || typeof error.code !== "string") {
    return new PetrelError("HUB_UNREACHABLE", `what answers at ${url} is no Petrel hub (HTTP ${status})`, {
      hint: "check --api",
    });
  }
  const known = Object.hasOwn(catalogue, error.code);
  const code = known ? (error.code as ErrorCode) : status < 500 ? "API_BAD_REQUEST" : "INTERNAL";
  const text_ = (value: unknown) => (typeof value === "string" ? value : undefined);
  const message = text_(error.message) ?? "no reason given";
  return new PetrelError(code, known ? message : `${error.code}: ${message}`, {
    where: text_(error.where),
    hint:
      code === "API_UNAUTHORIZED"
        ? "give a key with --api-key or PETREL_API_KEY: the one in api.json in the hub's data folder, or one that an admin makes"
        : text_(error.fix),
  });
}

export function createApiClient({ find, where, waitMs, user }: ApiClientOptions): ApiClient {
  const agent = new http.Agent({ keepAlive: true });

  const unreachable = (why: string, cause?: unknown, isReset = false) =>
    new PetrelError("HUB_UNREACHABLE", `the hub does not answer (${why})`, {
      where,
      hint: isReset
        ? "a hub with a certificate is asked with https://"
        : "start it with `petrel hub`, or say where it is with --data DIR or --api URL --api-key KEY",
      cause,
    });

  const send = (hub: HubAddress, method: Method, path: string, parts: RequestParts, accept: string) =>
    new Promise<IncomingMessage>((done, fail) => {
      const url = new URL(path, hub.url);
      for (const [name, value] of Object.entries(parts.query ?? {})) {
        if (value !== undefined) url.searchParams.set(name, String(value));
      }
      const text = parts.yaml ?? (parts.body === undefined ? undefined : JSON.stringify(parts.body));
      const body = parts.bytes ?? text;
      const textType = parts.yaml === undefined ? "application/json" : "application/yaml";
      const secure = url.protocol === "https:";
      const asked = (secure ? https : http).request(url, {
        method,
        ...(secure ? trustOptions(hub.trust) : { agent }),
        ...addressPatience,
        timeout: silenceMs,
        headers: {
          accept,
          authorization: `Bearer ${hub.key}`,
          ...(user !== undefined && /^[\w.@+-]+$/.test(user) && { [userHeader]: user }),
          ...(body !== undefined && {
            "content-type": parts.bytes === undefined ? textType : "application/octet-stream",
            "content-length": Buffer.byteLength(body),
          }),
        },
      });
      asked.on("response", done);
      asked.on("error", fail);
      asked.on("timeout", () => asked.destroy(unreachable(`silent for ${silenceMs / 1000} s`)));
      asked.end(body);
    });

  const reach = async (method: Method, path: string, parts: RequestParts, accept: string) => {
    const deadline = performance.now() + waitMs;
    for (;;) {
      const hub = await find();
      let why = "it is not running";
      let cause: unknown;
      let wasReset = false;
      if (hub !== null) {
        try {
          return { hub, response: await send(hub, method, path, parts, accept) };
        } catch (error) {
          const code = codeOf(error);
          const distrust = certificateError(error, hub);
          if (distrust !== null) throw distrust;
          const mayRepeat = notSent.has(code) || (method === "GET" && broken.has(code));
          wasReset = code === "ECONNRESET" && hub.url.startsWith("http:");
          if (!mayRepeat) throw broken.has(code) ? unreachable(code, error) : error;
          why = code;
          cause = error;
        }
      }
      if (performance.now() >= deadline) throw unreachable(why, cause, wasReset);
      await sleep(retryMs);
    }
  };

  return {
    ask: async <T>(method: Method, path: string, parts: RequestParts = {}): Promise<T> => {
      const { hub, response } = await reach(method, path, parts, "application/json");
      const status = response.statusCode ?? 0;
      const text = await textOf(response);
      if (status < 200 || status >= 300) throw refusal(text, status, hub.url);
      if (text === "") return null as T;
      try {
        return JSON.parse(text) as T;
      } catch {
        throw refusal(text, status, hub.url);
      }
    },
    lines: async function* (path, query) {
      const { hub, response } = await reach("GET", path, { query }, "application/x-ndjson");
      const status = response.statusCode ?? 0;
      if (status !== 200) throw refusal(await textOf(response), status, hub.url);
      let rest = "";
      response.setEncoding("utf8");
      try {
        for await (const chunk of response) {
          const parts = (rest + String(chunk)).split("\n");
          rest = parts.pop() ?? "";
          if (parts.length > 0) yield parts;
        }
      } catch (error) {
        throw unreachable("the list broke off", error);
      }
      if (rest !== "") throw unreachable("the list broke off");
    },
  };
}
