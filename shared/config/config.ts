/** Strict configuration: defaults < file < environment < flags, every fault reported at once, the result frozen. */
import { PetrelError } from "../errors.ts";
import { isObject, type Json } from "../json.ts";
import { suggestion } from "../nearest.ts";
import { checksWith } from "../validation.ts";
import type { YamlDocument } from "../yaml/read-yaml.ts";
import { isHostName } from "./host-name.ts";

/** One setting: a row of a side's table. */
export interface Setting {
  /** Dotted place in the file and in the result: `retention.days`. */
  readonly path: string;
  /** JSON schema of its value; with the format `host`: a name or an address, without a port. */
  readonly schema: {
    readonly type: "string" | "integer" | "boolean" | "object" | "array";
    readonly [keyword: string]: unknown;
  };
  /** `null`: there is none, and none is needed. */
  readonly default: Json;
  /** Environment variable that sets it. */
  readonly env?: string;
  /** For people: what it does, with its unit. */
  readonly text: string;
  /** A value as it may be shown, when it may hold a secret. */
  readonly shown?: (value: string) => string;
}

export interface ConfigLayers {
  /** A file that was read, with the positions of its values. */
  readonly file?: YamlDocument | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Path to text, as given on the command line; `name` is how the flag is spelled. */
  readonly flags: Readonly<Record<string, { readonly name: string; readonly value: Json | undefined }>>;
}

export interface ResolvedConfig<T> {
  readonly values: T;
  /** Path to where its value came from: `default`, `hub.yaml:3 (http.listen)`, `PETREL_HTTP`, `--http`. */
  readonly origins: Readonly<Record<string, string>>;
}

interface Fault {
  readonly where: string;
  readonly message: string;
}

/** Text of a flag or variable as the type its setting has; what does not read as it stays text and is refused later. */
function fromText(value: Json, type: Setting["schema"]["type"]): Json {
  if (typeof value !== "string") return value;
  if (type === "integer" && /^-?\d{1,15}$/.test(value)) return Number(value);
  if (type === "boolean" && /^(true|false)$/i.test(value)) return value.toLowerCase() === "true";
  if (type === "array") return value.split(",").map((item) => item.trim());
  if (type === "object") {
    const pairs = value.split(",").map((pair) => /^([^=]+)=(.*)$/s.exec(pair.trim()));
    if (pairs.every((pair) => pair !== null)) {
      return Object.fromEntries(pairs.map(([, name = "", text = ""]) => [name, text]));
    }
  }
  return value;
}

function lookUp(value: Json, path: readonly string[]): Json | undefined {
  let found: unknown = value;
  for (const step of path) {
    if (!isObject(found) || !Object.hasOwn(found, step)) return undefined;
    found = found[step];
  }
  return found as Json;
}

/** Faults of the file's shape: names that are no setting and no group of settings. */
function unknownNames(settings: readonly Setting[], file: YamlDocument): Fault[] {
  const names = settings.map(({ path }) => path);
  const visit = (value: Json, path: readonly string[]): Fault[] => {
    if (path.length > 0 && names.includes(path.join("."))) return [];
    if (!isObject(value)) {
      return value === null ? [] : [{ where: file.at(path), message: "must be a mapping of settings" }];
    }
    const prefix = path.map((step) => `${step}.`).join("");
    const known = [
      ...new Set(
        names
          .filter((name) => name.startsWith(prefix))
          .map((name) => name.slice(prefix.length).split(".")[0] ?? ""),
      ),
    ];
    return Object.entries(value).flatMap(([name, inner]) =>
      known.includes(name)
        ? visit(inner as Json, [...path, name])
        : [
            {
              where: file.at([...path, name]),
              message: `unknown setting '${prefix}${name}'; ${suggestion(name, known)}`,
            },
          ],
    );
  };
  return visit(file.value, []);
}

export interface ShownSetting {
  readonly setting: string;
  readonly value: Json;
  /** `default`, `hub.yaml:3 (http.listen)`, a variable or a flag. */
  readonly origin: string;
}

/** Each setting as it may be shown, in the order of the table. */
export function shownSettings(
  settings: readonly Setting[],
  { values, origins }: ResolvedConfig<unknown>,
): readonly ShownSetting[] {
  return settings.map(({ path, shown }) => {
    const value = lookUp(values as Json, path.split(".")) ?? null;
    return {
      setting: path,
      value: typeof value === "string" && shown !== undefined ? shown(value) : value,
      origin: origins[path] ?? "default",
    };
  });
}

function nest(values: ReadonlyMap<string, Json>): Json {
  const root: Record<string, Json> = {};
  for (const [path, value] of values) {
    const steps = path.split(".");
    const last = steps.pop() ?? path;
    let place = root;
    for (const step of steps) {
      const inner = (place[step] ?? {}) as Record<string, Json>;
      place[step] = inner;
      place = inner;
    }
    place[last] = value;
  }
  return root;
}

function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) for (const inner of Object.values(value)) freeze(inner);
  return Object.freeze(value);
}

const checkOf = checksWith({ allErrors: true, strict: false, formats: { host: isHostName } });

/** Throws CONFIG_INVALID that lists every wrong setting with the place it came from. */
export function resolveConfig<T>(settings: readonly Setting[], layers: ConfigLayers): ResolvedConfig<T> {
  const faults: Fault[] = [
    ...(layers.file?.problems ?? [])
      .filter((problem) => problem.severity === "error")
      .map(({ where, message }) => ({ where, message })),
    ...(layers.file ? unknownNames(settings, layers.file) : []),
  ];
  const values = new Map<string, Json>();
  const origins: Record<string, string> = {};
  for (const { path, schema, default: fallback, env } of settings) {
    const check = checkOf(schema);
    values.set(path, fallback);
    origins[path] = "default";
    const take = (value: Json | undefined, where: string) => {
      // An empty value in the file (`data:`) means the default, as if the line were not there.
      if (value === undefined || value === null) return;
      if (check(value)) {
        values.set(path, value);
        origins[path] = where;
        return;
      }
      for (const error of check.errors ?? []) {
        const place = error.instancePath.slice(1).replaceAll("/", ".");
        faults.push({
          where,
          message: `${place === "" ? path : `${path}.${place}`} ${error.message ?? error.keyword}`,
        });
      }
    };
    if (layers.file) take(lookUp(layers.file.value, path.split(".")), layers.file.at(path.split(".")));
    const variable = env === undefined ? undefined : layers.env[env];
    if (env !== undefined && variable !== undefined && variable !== "")
      take(fromText(variable, schema.type), env);
    const flag = layers.flags[path];
    if (flag?.value !== undefined) take(fromText(flag.value, schema.type), flag.name);
  }
  if (faults.length > 0) throw invalid(faults);
  return { values: freeze(nest(values)) as T, origins: Object.freeze(origins) };
}

function invalid(faults: readonly Fault[]): PetrelError {
  const hint = "docs/hub.example.yaml and docs/agent.example.yaml show every setting";
  const [first] = faults;
  if (faults.length === 1 && first)
    return new PetrelError("CONFIG_INVALID", first.message, { where: first.where, hint });
  const lines = faults.map(({ where, message }) => `\n  ${where}: ${message}`);
  return new PetrelError("CONFIG_INVALID", `${faults.length} settings are wrong:${lines.join("")}`, { hint });
}
