/**
 * What the runner `http-request` sends, and what it makes of an answer (st2 docs, Action Runners: HTTP; the behaviour of
 * Python's requests where that says nothing). Pure.
 */
import { Buffer } from "node:buffer";
import { PetrelError } from "../../../shared/errors.ts";
import { str } from "../../../shared/expressions/python/text.ts";
import { isObject, type Json, type JsonObject } from "../../../shared/json.ts";
import { jsonValue, type RunOutcome } from "../outcome.ts";

/** A file that is sent as a form. */
export interface HttpFile {
  readonly name: string;
  readonly content: string;
  readonly contentType: string | null;
}

export interface HttpPlan {
  readonly method: string;
  readonly url: URL;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Headers that say who asks: they are for no other host. */
  readonly identity: readonly string[];
  readonly body: Buffer | null;
  readonly file: HttpFile | null;
  readonly followsRedirects: boolean;
  readonly verifiesCertificate: boolean;
  readonly proxies: { readonly http: string | null; readonly https: string | null };
  readonly hosts: HostLists;
}

export interface HostLists {
  readonly refused: readonly string[] | null;
  readonly allowed: readonly string[] | null;
}

/** A response whose body has been read. */
export interface HttpAnswer {
  readonly status: number;
  /** Name and value in turn, as they came. */
  readonly rawHeaders: readonly string[];
  /** Decompressed; no more than the cap. */
  readonly body: Buffer;
  /** There was more than the cap. */
  readonly isCut: boolean;
}

/** As Python's requests. */
export const mostRedirects = 30;
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** What StackStorm calls a success. */
const successes: ReadonlySet<number> = new Set([200, 201, 202, 203, 204, 205, 206]);

/**
 * `runner`: the runner's own parameters, `action`: those of the action. Throws PARAMETER_MISSING and PARAMETER_INVALID,
 * and never names a value that may be secret.
 */
export function planRequest(runner: JsonObject, action: JsonObject): HttpPlan {
  const given = textOf(runner.url) ?? textOf(action.url);
  if (given === null) throw new PetrelError("PARAMETER_MISSING", "parameter 'url' is missing");
  const url = urlOf(given);
  addQuery(url, action.params);
  const hosts = hostsOf(runner);
  checkHost(url, hosts);
  const body = action.body ?? null;
  const fileName = textOf(action.file_name);
  const fileContent = textOf(action.file_content);
  const file =
    fileName === null || fileContent === null
      ? null
      : { name: fileName, content: fileContent, contentType: textOf(action.file_content_type) };
  const auth = authOf(action);
  const headers = headersOf(runner, auth, url);
  const method = textOf(action.method) ?? (body !== null || file !== null ? "POST" : "GET");
  if (!/^[A-Za-z]+$/.test(method))
    throw new PetrelError("PARAMETER_INVALID", "parameter 'method' is no method");
  url.username = "";
  url.password = "";
  return {
    method: method.toUpperCase(),
    url,
    headers,
    identity: ["authorization", "cookie", ...(auth === null ? [] : [auth[0].toLowerCase()])],
    body: file === null ? bodyOf(body, headers) : null,
    file,
    followsRedirects: runner.allow_redirects === true,
    verifiesCertificate: runner.verify_ssl_cert !== false,
    proxies: { http: proxyOf(runner, "http_proxy"), https: proxyOf(runner, "https_proxy") },
    hosts,
  };
}

/**
 * What is asked next when an answer points elsewhere; `null` when it does not, or nobody follows. Throws
 * PARAMETER_INVALID for a host that may not be asked.
 */
export function redirected(plan: HttpPlan, { status, rawHeaders }: HttpAnswer): HttpPlan | null {
  const location = headerOf(rawHeaders, "location");
  if (!plan.followsRedirects || !redirects.has(status) || location === null) return null;
  const url = urlOf(location, plan.url);
  checkHost(url, plan.hosts);
  // RFC 9110, section 15.4, and what browsers have made of it.
  const becomesGet =
    status === 302 || status === 303 ? plan.method !== "HEAD" : status === 301 && plan.method === "POST";
  // Who the other host is was not the sender's choice.
  const keepsIdentity =
    url.host === plan.url.host && (url.protocol === plan.url.protocol || url.protocol === "https:");
  const dropped = new Set([
    ...(becomesGet ? ["content-type", "content-length", "transfer-encoding"] : []),
    ...(keepsIdentity ? [] : plan.identity),
  ]);
  url.username = "";
  url.password = "";
  return {
    ...plan,
    url,
    ...(becomesGet && { method: "GET", body: null, file: null }),
    headers: Object.fromEntries(Object.entries(plan.headers).filter(([name]) => !dropped.has(name))),
  };
}

/** StackStorm's result: `status_code`, `body`, `parsed`, `headers`; `body_truncated` beside it when it was cut. */
export function answered(answer: HttpAnswer): RunOutcome {
  const { status, rawHeaders, body, isCut } = answer;
  const type = headerOf(rawHeaders, "content-type") ?? "";
  const text = decoded(body, type);
  const value = isJson(type) && !isCut ? jsonValue(text) : undefined;
  const succeeded = successes.has(status);
  return {
    status: succeeded ? "succeeded" : "failed",
    result: {
      status_code: status,
      body: value === undefined ? text : value,
      parsed: value !== undefined,
      headers: joinedHeaders(rawHeaders),
      ...(isCut && { body_truncated: true }),
    },
    ...(!succeeded && { reason: `HTTP status ${status}` }),
  };
}

function urlOf(text: string, base?: URL): URL {
  const url = URL.canParse(text, base?.href) ? new URL(text, base) : null;
  if (url === null || !(url.protocol === "http:" || url.protocol === "https:"))
    throw new PetrelError("PARAMETER_INVALID", "the URL is none of http:// or https://", {
      hint: "begin it with http:// or https://",
    });
  return url;
}

function addQuery(url: URL, params: Json | undefined): void {
  if (params === undefined || params === null) return;
  if (!isObject(params)) throw new PetrelError("PARAMETER_INVALID", "parameter 'params' is no object");
  addAll(url.searchParams, params);
}

/** Of an array each value by itself; null is left out. */
function addAll(form: URLSearchParams, values: JsonObject): void {
  for (const [name, value] of Object.entries(values)) {
    for (const one of Array.isArray(value) ? value : [value]) if (one !== null) form.append(name, str(one));
  }
}

function hostsOf(runner: JsonObject): HostLists {
  const refused = listOf(runner, "url_hosts_blacklist");
  const allowed = listOf(runner, "url_hosts_whitelist");
  if (refused !== null && allowed !== null)
    throw new PetrelError(
      "PARAMETER_INVALID",
      '"url_hosts_blacklist" and "url_hosts_whitelist" exclude each other: only one may be given',
    );
  return { refused, allowed };
}

function listOf(runner: JsonObject, name: string): readonly string[] | null {
  const value = runner[name];
  if (value === undefined || value === null || (Array.isArray(value) && value.length === 0)) return null;
  if (!Array.isArray(value)) throw new PetrelError("PARAMETER_INVALID", `parameter '${name}' is no array`);
  return value.map((host) => plainHost(String(host)));
}

/** As a URL has it: one host has many spellings. */
function plainHost(text: string): string {
  const host = text.includes(":") && !text.startsWith("[") ? `[${text}]` : text;
  const url = URL.canParse(`http://${host}/`) ? new URL(`http://${host}/`) : null;
  return (url?.hostname ?? text.toLowerCase()).replace(/^\[|\]$/g, "").replace(/\.$/, "");
}

function checkHost(url: URL, { refused, allowed }: HostLists): void {
  const host = plainHost(url.hostname);
  if (refused?.includes(host))
    throw new PetrelError("PARAMETER_INVALID", `host ${host} is in 'url_hosts_blacklist'`);
  if (allowed !== null && !allowed.includes(host))
    throw new PetrelError("PARAMETER_INVALID", `host ${host} is not in 'url_hosts_whitelist'`);
}

function headersOf(
  runner: JsonObject,
  auth: readonly [string, string] | null,
  url: URL,
): Record<string, string> {
  const headers: Record<string, string> = { accept: "*/*", "user-agent": "petrel" };
  const add = (name: string, value: string) => {
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) || /[\r\n\0]/.test(value) || /[^\t\x20-\xff]/.test(value))
      throw new PetrelError(
        "PARAMETER_INVALID",
        `header '${name.replace(/[^\x20-\x7e]/g, "?")}' cannot be sent`,
      );
    headers[name.toLowerCase()] = value;
  };
  for (const [name, value] of pairsOf(runner, "headers")) add(name, value);
  const cookies = pairsOf(runner, "cookies").map(([name, value]) => `${name}=${value}`);
  if (cookies.length > 0) add("cookie", cookies.join("; "));
  const [user, password] =
    textOf(runner.username) === null && textOf(runner.password) === null
      ? [unescaped(url.username), unescaped(url.password)]
      : [textOf(runner.username) ?? "", textOf(runner.password) ?? ""];
  if (user !== "" || password !== "")
    add("authorization", `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`);
  if (auth !== null) add(...auth);
  return headers;
}

/** Name and value of the header for authentication. */
function authOf(action: JsonObject): readonly [string, string] | null {
  const auth = textOf(action.auth);
  if (auth === null) return null;
  const at = auth.indexOf("=");
  if (at < 1) throw new PetrelError("PARAMETER_INVALID", "parameter 'auth' is not of the form header=value");
  return [auth.slice(0, at), auth.slice(at + 1)];
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new PetrelError("PARAMETER_INVALID", "user name or password in the URL have a wrong % in them");
  }
}

function pairsOf(runner: JsonObject, name: string): readonly (readonly [string, string])[] {
  const value = runner[name];
  if (value === undefined || value === null) return [];
  if (!isObject(value)) throw new PetrelError("PARAMETER_INVALID", `parameter '${name}' is no object`);
  return Object.entries(value)
    .filter(([, each]) => each !== null)
    .map(([key, each]) => [key, str(each)] as const);
}

function bodyOf(body: Json, headers: Record<string, string>): Buffer | null {
  if (body === null) return null;
  if (isJson(headers["content-type"] ?? "")) {
    // Text that is no JSON goes as a JSON string, as there.
    const isText = typeof body === "string" && jsonValue(body) !== undefined;
    return Buffer.from(isText ? body : JSON.stringify(body));
  }
  if (!isObject(body)) return Buffer.from(str(body));
  headers["content-type"] ??= "application/x-www-form-urlencoded";
  const form = new URLSearchParams();
  addAll(form, body);
  return Buffer.from(form.toString());
}

function proxyOf(runner: JsonObject, name: string): string | null {
  const given = textOf(runner[name]);
  if (given === null) return null;
  const text = /^[a-z]+:\/\//i.test(given) ? given : `http://${given}`;
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw new PetrelError("PARAMETER_INVALID", `parameter '${name}' is no address of a proxy`, {
      hint: "write http://HOST:PORT",
    });
  return text;
}

/** As Python spells it, since that is what StackStorm sends. Empty is as if nothing had been given. */
function textOf(value: Json | undefined): string | null {
  if (value === undefined || value === null || value === "") return null;
  return str(value);
}

function isJson(contentType: string): boolean {
  return contentType.split(";", 1)[0]?.trim().toLowerCase() === "application/json";
}

function decoded(body: Buffer, contentType: string): string {
  const charset = /;\s*charset\s*=\s*"?([^";\s]+)/i.exec(contentType)?.[1] ?? "utf-8";
  try {
    return new TextDecoder(charset).decode(body);
  } catch {
    // A character set that nobody knows.
    return new TextDecoder().decode(body);
  }
}

function headerOf(rawHeaders: readonly string[], wanted: string): string | null {
  for (let n = 0; n < rawHeaders.length; n += 2) {
    if (rawHeaders[n]?.toLowerCase() === wanted) return rawHeaders[n + 1] ?? "";
  }
  return null;
}

/** With the names as they came; of two with one name the values stand side by side. */
function joinedHeaders(rawHeaders: readonly string[]): JsonObject {
  const joined = new Map<string, { readonly name: string; readonly values: string[] }>();
  for (let n = 0; n < rawHeaders.length; n += 2) {
    const name = rawHeaders[n] ?? "";
    const known = joined.get(name.toLowerCase()) ?? { name, values: [] };
    known.values.push(rawHeaders[n + 1] ?? "");
    joined.set(name.toLowerCase(), known);
  }
  return Object.fromEntries([...joined.values()].map(({ name, values }) => [name, values.join(", ")]));
}
