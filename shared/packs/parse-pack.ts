/** A pack's files become its definitions, or the list of everything that is wrong with them. */
import { posix } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { isObject, type JsonObject } from "../json.ts";
import type { ActionDefinition } from "../model/action.ts";
import type { Pack, SensorDefinition } from "../model/pack.ts";
import type { RuleDefinition } from "../model/rule.ts";
import type { TriggerType } from "../model/trigger.ts";
import { suggestion } from "../nearest.ts";
import { hasErrors, type Problem } from "../problem.ts";
import { formatRef, isPackName, parseRef } from "../ref.ts";
import type { Path } from "../yaml/read-yaml.ts";
import { configProblems } from "./config-problems.ts";
import { type Metadata, type PackFile, type Report, readMetadata } from "./pack-file.ts";
import { parseAction } from "./parse-action.ts";
import { parseConfigSchema } from "./parse-config-schema.ts";
import { packRef, parseManifest } from "./parse-manifest.ts";
import { parseRule } from "./parse-rule.ts";
import { parseSensor } from "./parse-sensor.ts";
import { parseTriggerType } from "./parse-trigger-type.ts";

export interface PackOptions {
  /** The pack's folder as it shall be shown in `where`; its last part may name the pack. Default: none known. */
  readonly folder?: string | undefined;
}

export interface ParsedPack {
  /** `null` when one of the problems is an error. */
  readonly pack: Pack | null;
  /** By kind of file, then by path. */
  readonly problems: readonly Problem[];
}

/** Parts of StackStorm's packs that Petrel does not read yet. */
const unsupported: readonly (readonly [folder: string, what: string])[] = [
  ["aliases", "action aliases"],
  ["policies", "policies"],
  ["actions/chains", "action chains"],
  ["actions/workflows", "workflows"],
];

/** What the metadata files of one pack define, while they are being read. */
interface Content {
  readonly triggerTypes: Defined<TriggerType>;
  readonly sensors: Defined<SensorDefinition>;
  readonly actions: Defined<ActionDefinition>;
  readonly rules: Defined<RuleDefinition>;
}

/** Definitions of one kind by ref; a second one of the same ref is reported. */
class Defined<T extends { readonly ref: string }> {
  private readonly byRef = new Map<string, T>();
  /** Where each ref is defined; also of definitions that had errors, so that one mistake is not told twice. */
  readonly named = new Map<string, string>();
  private readonly what: string;
  /** Sensors may share a trigger type: defining it twice alike is no mistake. */
  private readonly shared: boolean;

  constructor(what: string, shared = false) {
    this.what = what;
    this.shared = shared;
  }

  get all(): readonly T[] {
    return [...this.byRef.values()];
  }

  add(definition: T | null, ref: string | null, metadata: Metadata, at: Path): void {
    const before = ref === null ? undefined : this.named.get(ref);
    const alike = ref !== null && isDeepStrictEqual(this.byRef.get(ref), definition);
    if (before !== undefined && !(this.shared && (alike || definition === null))) {
      metadata.report({
        code: "PACK_DUPLICATE",
        severity: this.shared ? "warning" : "error",
        message: `the ${this.what} ${ref} is defined twice; first in ${before}`,
        where: metadata.at(at),
        hint: this.shared ? "define it alike in both; this one counts" : "rename or remove one of them",
      });
    }
    if (ref !== null) this.named.set(ref, metadata.at([]));
    if (definition !== null) this.byRef.set(definition.ref, definition);
  }
}

/** Reads every file of a pack, in sorted order, and reports all errors at once. */
export function parsePack(files: readonly PackFile[], options: PackOptions = {}): ParsedPack {
  const problems: Problem[] = [];
  const report: Report = (problem) => {
    problems.push(problem);
  };
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1));
  const byPath = new Map(sorted.map((file) => [file.path, file]));
  const folder = options.folder === undefined ? null : posix.normalize(options.folder).replace(/\/$/, "");
  const shownAs = (path: string): string => (folder === null || folder === "." ? path : `${folder}/${path}`);

  const open = (pack: string, file: PackFile): Metadata | null => {
    const document = readMetadata(file, shownAs(file.path), report);
    return document === null ? null : { pack, value: document.value, at: document.at, report };
  };
  const flat = (below: string): readonly PackFile[] =>
    sorted.filter(({ path }) => posix.dirname(path) === below && /\.ya?ml$/.test(path));

  const manifestFile = byPath.get("pack.yaml") ?? byPath.get("pack.yml");
  if (manifestFile === undefined) {
    report({
      code: "PACK_INVALID",
      severity: "error",
      message: "this is not a pack: it has no pack.yaml",
      where: shownAs("pack.yaml"),
      hint: "name a folder that holds a pack.yaml; `petrel pack create NAME` makes one",
    });
    return { pack: null, problems };
  }
  const unnamed = open("", manifestFile);
  const ref = unnamed === null ? null : packRef(unnamed, folder === null ? null : posix.basename(folder));
  // Without a ref the rest is read nevertheless: its errors are worth knowing now.
  const fallback = folder !== null && isPackName(posix.basename(folder)) ? posix.basename(folder) : "pack";
  const pack = ref ?? fallback;
  const manifest = unnamed === null ? null : parseManifest({ ...unnamed, pack });

  const content: Content = {
    triggerTypes: new Defined("trigger type", true),
    sensors: new Defined("sensor"),
    actions: new Defined("action"),
    rules: new Defined("rule"),
  };
  const each = (below: string, read: (metadata: Metadata) => void): void => {
    for (const file of flat(below)) {
      const metadata = open(pack, file);
      if (metadata !== null) read(metadata);
    }
  };
  each("triggers", (metadata) => {
    content.triggerTypes.add(parseTriggerType(metadata), refIn(metadata, "name"), metadata, ["name"]);
  });
  each("sensors", (metadata) => readSensor(metadata, byPath, content));
  each("actions", (metadata) => {
    content.actions.add(parseAction(metadata, byPath), refIn(metadata, "name"), metadata, ["name"]);
  });
  each("rules", (metadata) => {
    content.rules.add(parseRule(metadata), refIn(metadata, "name"), metadata, ["name"]);
    checkReferences(metadata, content);
  });
  const schemaFile = byPath.get("config.schema.yaml");
  const schemaAt = schemaFile === undefined ? null : open(pack, schemaFile);
  const schema = schemaAt === null ? {} : parseConfigSchema(schemaAt);
  const legacyFile = byPath.get("config.yaml");
  const legacyAt = legacyFile === undefined ? null : open(pack, legacyFile);
  const legacy = legacyAt === null ? {} : readLegacyConfig(legacyAt);
  // What is required may still come from the operator, so only what is there is judged.
  if (legacyAt !== null && schema !== null) {
    configProblems({ schema, config: legacy, at: legacyAt.at }).forEach(report);
  }
  tellUnsupported(sorted, shownAs, report);

  if (ref === null || manifest === null || schema === null || hasErrors(problems))
    return { pack: null, problems };
  return {
    pack: {
      manifest,
      trigger_types: content.triggerTypes.all,
      sensors: content.sensors.all,
      actions: content.actions.all,
      rules: content.rules.all,
      config_schema: schema,
      legacy_config: legacy,
    },
    problems,
  };
}

function refIn(metadata: Metadata, field: string): string | null {
  const name: unknown = isObject(metadata.value) ? metadata.value[field] : undefined;
  return typeof name === "string" && name !== "" ? formatRef(metadata.pack, name) : null;
}

function readSensor(metadata: Metadata, files: ReadonlyMap<string, PackFile>, content: Content): void {
  const { sensor, triggerTypes } = parseSensor(metadata, files);
  content.sensors.add(sensor, refIn(metadata, "class_name"), metadata, ["class_name"]);
  const declared: unknown = isObject(metadata.value) ? metadata.value.trigger_types : null;
  for (const [index, value] of (Array.isArray(declared) ? declared : []).entries()) {
    const at: Path = ["trigger_types", index];
    const ref = refIn({ ...metadata, value }, "name");
    const type = triggerTypes.find((candidate) => candidate.ref === ref) ?? null;
    content.triggerTypes.add(type, ref, metadata, at);
  }
}

/** A rule that names something of its own pack must name something that exists; the hub checks other packs. */
function checkReferences(metadata: Metadata, content: Content): void {
  const places = [
    ["trigger", "type", content.triggerTypes, "RULE_TRIGGER_UNKNOWN", "trigger type"],
    ["action", "ref", content.actions, "RULE_ACTION_UNKNOWN", "action"],
  ] as const;
  for (const [section, field, defined, code, what] of places) {
    const holder: unknown = isObject(metadata.value) ? metadata.value[section] : null;
    const ref: unknown = isObject(holder) ? holder[field] : null;
    if (typeof ref !== "string" || parseRef(ref)?.pack !== metadata.pack || defined.named.has(ref)) continue;
    metadata.report({
      code,
      severity: "error",
      message: `this pack has no ${what} ${ref}`,
      where: metadata.at([section, field]),
      hint: suggestion(ref, [...defined.named.keys()]),
    });
  }
}

function readLegacyConfig(metadata: Metadata): JsonObject {
  if (isObject(metadata.value)) return metadata.value as JsonObject;
  metadata.report({
    code: "PACK_CONFIG",
    severity: "error",
    message: "the configuration must be a map",
    where: metadata.at([]),
    hint: "write 'name: value' lines",
  });
  return {};
}

function tellUnsupported(
  files: readonly PackFile[],
  shownAs: (path: string) => string,
  report: Report,
): void {
  for (const [folder, what] of unsupported) {
    const count = files.filter(({ path }) => path.startsWith(`${folder}/`) && /\.ya?ml$/.test(path)).length;
    if (count === 0) continue;
    report({
      code: "PACK_UNSUPPORTED",
      severity: "warning",
      message: `${what} are not supported yet: ${count} ${count === 1 ? "file is" : "files are"} ignored`,
      where: shownAs(folder),
      hint: "nothing to do; the rest of the pack works",
    });
  }
}
