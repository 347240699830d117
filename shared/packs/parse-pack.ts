/** A pack's files become its definitions, or the list of everything that is wrong with them. */
import { posix } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { ErrorCode } from "../errors.ts";
import { isObject, type JsonObject } from "../json.ts";
import type { ActionDefinition } from "../model/action.ts";
import type { ActionAlias } from "../model/action-alias.ts";
import type { Pack, PackManifest, SensorDefinition } from "../model/pack.ts";
import type { PolicyDefinition } from "../model/policy.ts";
import type { RuleDefinition } from "../model/rule.ts";
import type { TriggerType } from "../model/trigger.ts";
import { suggestion } from "../nearest.ts";
import { hasErrors, type Problem } from "../problem.ts";
import { formatRef, isPackName, parseRef } from "../ref.ts";
import { checkParameters } from "../rules/check-parameters.ts";
import type { Path } from "../yaml/read-yaml.ts";
import { configProblems } from "./config-problems.ts";
import { jsonMetadata } from "./json-metadata.ts";
import { type Metadata, type PackFile, type Report, readMetadata } from "./pack-file.ts";
import { parseAction } from "./parse-action.ts";
import { parseAlias } from "./parse-alias.ts";
import { parseConfigSchema } from "./parse-config-schema.ts";
import { packRef, parseManifest } from "./parse-manifest.ts";
import { parsePolicy } from "./parse-policy.ts";
import { parseRule, ruleProblemsAt } from "./parse-rule.ts";
import { parseSensor } from "./parse-sensor.ts";
import { parseTriggerType } from "./parse-trigger-type.ts";
import { importProblems } from "./python-imports.ts";

export interface PackOptions {
  /** The pack's folder as it shall be shown in `where`; its last part may name the pack. Default: none known. */
  readonly folder?: string | undefined;
  /** Actions of other packs that are known, by ref: so that what rules give to them can be checked. */
  readonly actions?: ReadonlyMap<string, ActionDefinition> | undefined;
  /**
   * It came with the program, and a test has checked it: its fields are taken as they are. Their schemas, which nothing
   * else may need, would be compiled at each start.
   */
  readonly isOwn?: boolean | undefined;
}

export interface ParsedPack {
  /** `null` when one of the problems is an error. */
  readonly pack: Pack | null;
  /** By kind of file, then by path. */
  readonly problems: readonly Problem[];
}

/** Parts of StackStorm's packs that Petrel does not read yet. */
const unsupported: readonly (readonly [folder: string, what: string])[] = [
  ["actions/chains", "action chains"],
  ["actions/workflows", "workflows"],
];

/** What the metadata files of one pack define, while they are being read. */
interface Content {
  readonly triggerTypes: Defined<TriggerType>;
  readonly sensors: Defined<SensorDefinition>;
  readonly actions: Defined<ActionDefinition>;
  readonly rules: Defined<RuleDefinition>;
  readonly policies: Defined<PolicyDefinition>;
  readonly aliases: Defined<ActionAlias>;
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

  get(ref: string): T | undefined {
    return this.byRef.get(ref);
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

/** The files of one pack, as its parts are read from them. */
interface Files {
  readonly sorted: readonly PackFile[];
  readonly byPath: ReadonlyMap<string, PackFile>;
  /** The last part of the folder, when it is known. */
  readonly folderName: string | null;
  readonly shownAs: (path: string) => string;
  /** `null`, with the reason reported, when the file cannot be read. */
  readonly open: (pack: string, file: PackFile, report?: Report) => Metadata | null;
  readonly report: Report;
}

function arrange(files: readonly PackFile[], options: PackOptions, report: Report): Files {
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1));
  const folder = options.folder === undefined ? null : posix.normalize(options.folder).replace(/\/$/, "");
  const shownAs = (path: string) => (folder === null || folder === "." ? path : `${folder}/${path}`);
  return {
    sorted,
    byPath: new Map(sorted.map((file) => [file.path, file])),
    folderName: folder === null ? null : posix.basename(folder),
    shownAs,
    open: (pack, file, to = report) => {
      const document = readMetadata(file, shownAs(file.path), to);
      if (document === null) return null;
      return { pack, value: document.value, at: document.at, report: to, isOwn: options.isOwn === true };
    },
    report,
  };
}

/** Reads every file of a pack, in sorted order, and reports all errors at once. */
export function parsePack(files: readonly PackFile[], options: PackOptions = {}): ParsedPack {
  const problems: Problem[] = [];
  const arranged = arrange(files, options, (problem) => {
    problems.push(problem);
  });
  const identity = readIdentity(arranged);
  if (identity === null) return { pack: null, problems };
  const content = readContent(arranged, identity.ref, options.actions);
  const configuration = readConfiguration(arranged, identity.ref);
  tellUnsupported(arranged);
  jsonMetadata(arranged.sorted, arranged.shownAs).forEach(arranged.report);
  importProblems(arranged.sorted, arranged.shownAs).forEach(arranged.report);
  const { manifest } = identity;
  if (manifest === null || hasErrors(problems)) return { pack: null, problems };
  return {
    pack: {
      manifest,
      trigger_types: content.triggerTypes.all,
      sensors: content.sensors.all,
      actions: content.actions.all,
      rules: content.rules.all,
      ...(content.aliases.all.length > 0 && { aliases: content.aliases.all }),
      ...(content.policies.all.length > 0 && { policies: content.policies.all }),
      ...configuration,
    },
    problems,
  };
}

/** `null` when this is no pack at all; a `manifest` of `null` when it has errors: the rest is read nevertheless. */
function readIdentity(files: Files): { readonly ref: string; readonly manifest: PackManifest | null } | null {
  const file = files.byPath.get("pack.yaml") ?? files.byPath.get("pack.yml");
  if (file === undefined) {
    files.report({
      code: "PACK_INVALID",
      severity: "error",
      message: "this is not a pack: it has no pack.yaml",
      where: files.shownAs("pack.yaml"),
      hint: "name a folder that holds a pack.yaml; `petrel pack create NAME` makes one",
    });
    return null;
  }
  const metadata = files.open("", file);
  const ref = metadata === null ? null : packRef(metadata, files.folderName);
  const fallback = files.folderName !== null && isPackName(files.folderName) ? files.folderName : "pack";
  const pack = ref ?? fallback;
  const manifest = metadata === null ? null : parseManifest({ ...metadata, pack });
  return { ref: pack, manifest: ref === null ? null : manifest };
}

function readContent(files: Files, pack: string, known: PackOptions["actions"]): Content {
  const content: Content = {
    triggerTypes: new Defined("trigger type", true),
    sensors: new Defined("sensor"),
    actions: new Defined("action"),
    rules: new Defined("rule"),
    policies: new Defined("policy"),
    aliases: new Defined("action alias"),
  };
  const each = (folder: string, read: (metadata: Metadata) => void, report = files.report): void => {
    for (const file of files.sorted) {
      if (posix.dirname(file.path) !== folder || !/\.ya?ml$/.test(file.path)) continue;
      // As there: what a pack of old keeps beside its actions for their own use.
      if (file.path === "actions/config.yaml") continue;
      const metadata = files.open(pack, file, report);
      if (metadata !== null) read(metadata);
    }
  };
  // StackStorm's order of registration: what a rule names is known when the rule is read.
  each("triggers", (metadata) => {
    content.triggerTypes.add(parseTriggerType(metadata), refIn(metadata, "name"), metadata, ["name"]);
  });
  each("sensors", (metadata) => readSensor(metadata, files.byPath, content));
  each("actions", (metadata) => {
    content.actions.add(parseAction(metadata, files.byPath), refIn(metadata, "name"), metadata, ["name"]);
  });
  each("rules", (metadata) => {
    const rule = parseRule(metadata);
    content.rules.add(rule, refIn(metadata, "name"), metadata, ["name"]);
    checkReferences(metadata, content);
    const action =
      rule === null ? undefined : (content.actions.get(rule.action.ref) ?? known?.get(rule.action.ref));
    if (rule !== null && action !== undefined) {
      ruleProblemsAt(metadata.at, checkParameters(rule.action, action)).forEach(files.report);
    }
  });
  // Nothing that runs rests on an alias, and packs with broken ones are registered: what is wrong is told, no more.
  const softly: Report = (problem) => files.report({ ...problem, severity: "warning" });
  const readAlias = (metadata: Metadata) => {
    const alias = parseAlias(metadata);
    content.aliases.add(alias, refIn(metadata, "name"), metadata, ["name"]);
    if (alias === null) return;
    refuseUnknown(metadata, ["action_ref"], content.actions, [
      "ALIAS_ACTION_UNKNOWN",
      "action",
      "in actions/",
    ]);
  };
  each("aliases", readAlias, softly);
  each("policies", (metadata) => {
    content.policies.add(parsePolicy(metadata), refIn(metadata, "name"), metadata, ["name"]);
    refuseUnknown(metadata, ["resource_ref"], content.actions, [
      "POLICY_ACTION_UNKNOWN",
      "action",
      "in actions/",
    ]);
  });
  return content;
}

function readConfiguration(files: Files, pack: string): Pick<Pack, "config_schema" | "legacy_config"> {
  const open = (path: string): Metadata | null => {
    const file = files.byPath.get(path);
    return file === undefined ? null : files.open(pack, file);
  };
  const schemaAt = open("config.schema.yaml");
  const schema = schemaAt === null ? {} : parseConfigSchema(schemaAt);
  const configAt = open("config.yaml");
  const config = configAt === null ? {} : readLegacyConfig(configAt);
  // What is required may still come from the operator, so only what is there is judged.
  if (configAt !== null && schema !== null) {
    configProblems({ schema, config, at: configAt.at }).forEach(files.report);
  }
  return { config_schema: schema ?? {}, legacy_config: config };
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
    [
      "trigger",
      "type",
      content.triggerTypes,
      "RULE_TRIGGER_UNKNOWN",
      "trigger type",
      "in trigger_types of a sensor, or in triggers/",
    ],
    ["action", "ref", content.actions, "RULE_ACTION_UNKNOWN", "action", "in actions/"],
  ] as const;
  for (const [section, field, defined, ...words] of places) {
    refuseUnknown(metadata, [section, field], defined, words);
  }
}

/** Reports the ref at `path` when it is of this pack and nothing there is called so. */
function refuseUnknown(
  metadata: Metadata,
  path: Path,
  defined: { readonly named: ReadonlyMap<string, string> },
  [code, what, how]: readonly [code: ErrorCode, what: string, how: string],
): void {
  const ref = path.reduce<unknown>(
    (at, step) => (isObject(at) ? at[step as string] : null),
    metadata.value as unknown,
  );
  if (typeof ref !== "string" || parseRef(ref)?.pack !== metadata.pack || defined.named.has(ref)) return;
  metadata.report({
    code,
    severity: "error",
    message: `this pack has no ${what} ${ref}`,
    where: metadata.at(path),
    hint: defined.named.size === 0 ? `define it: ${how}` : suggestion(ref, [...defined.named.keys()]),
  });
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

function tellUnsupported(files: Files): void {
  for (const [folder, what] of unsupported) {
    const ignored = files.sorted.filter(({ path }) => path.startsWith(`${folder}/`) && /\.ya?ml$/.test(path));
    if (ignored.length === 0) continue;
    files.report({
      code: "PACK_UNSUPPORTED",
      severity: "warning",
      message: `${what} are not supported yet: ${ignored.length} ${ignored.length === 1 ? "file is" : "files are"} ignored`,
      where: files.shownAs(folder),
      hint: "nothing to do; the rest of the pack works",
    });
  }
}
