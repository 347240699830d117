/** What every way of telling gets, and how it is put into words. Pure. */

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export interface Alert {
  readonly title: string;
  readonly text: string;
  readonly severity: "info" | "warning" | "error" | "critical";
  readonly host: string;
  readonly event: { readonly [key: string]: Json };
}

export interface Context {
  readonly config: { readonly [name: string]: unknown };
}

/** True and what was done, or false and why not. What is said here never holds a secret of the configuration. */
export type Told = readonly [boolean, string | { readonly [key: string]: Json }];

/** Milliseconds for the whole of it. */
export const withinMs = 30_000;

export function notConfigured(what: string, example: string): Told {
  return [
    false,
    `The configuration of pack alert has no '${what}': petrel pack config alert --set '${example}'`,
  ];
}

/** One line: what is from a file's name or a payload must not begin another. */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, " ").trim();
}

const isObject = (value: unknown): value is { readonly [key: string]: Json } =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const inWords = (value: Json): string => (typeof value === "string" ? value : JSON.stringify(value));

/** Who did it, as `watch.file_changed` says it; `null` when it says nothing. */
function actorOf({ actor }: Alert["event"]): string | null {
  if (!isObject(actor)) return null;
  const { user, login_user, exe, cmdline, pid, unknown } = actor;
  const known = [
    user ?? null,
    login_user != null && login_user !== user ? `(logged in as ${inWords(login_user)})` : null,
    cmdline ?? exe ?? null,
    pid == null ? null : `pid ${inWords(pid)}`,
  ].filter((part) => part !== null);
  if (known.length === 0) return unknown == null ? null : `not known: ${inWords(unknown)}`;
  return known.map(inWords).join(" ");
}

/** What is known, in lines of text: first what people ask for first. */
export function lines({ text, host, event, severity }: Alert): readonly string[] {
  const { path, status, diff: _, actor: __, ...rest } = event;
  const named: readonly (readonly [string, Json | undefined])[] = [
    ["severity", severity],
    ["host", host],
    ["path", path],
    ["status", status],
    ["actor", actorOf(event)],
    ...Object.entries(rest).filter(([, value]) => !isObject(value) && !Array.isArray(value)),
  ];
  return [
    ...(text === "" ? [] : [...text.split("\n").map(oneLine), ""]),
    ...named.flatMap(([name, value]) =>
      value == null || value === "" ? [] : [`${name}: ${oneLine(inWords(value))}`],
    ),
  ];
}

/** An error's own words: a library's may hold the address with all that is secret in it. */
export function why(error: unknown): string {
  const { code, name, cause } = error as { code?: unknown; name?: unknown; cause?: { code?: unknown } };
  if (name === "TimeoutError") return "no answer in time";
  return String(cause?.code ?? code ?? name ?? "failed");
}
