/** sensors/*.yaml: what runs to observe, and the trigger types it brings (st2 docs, Sensors and Triggers). */
import { posix } from "node:path";
import { isObject, type Json } from "../json.ts";
import type { SensorDefinition, SensorLanguage } from "../model/pack.ts";
import type { TriggerType } from "../model/trigger.ts";
import { suggestion } from "../nearest.ts";
import { formatRef } from "../ref.ts";
import { checkFields, compileFields, withoutEmpty } from "./fields.ts";
import { belongsToPack, hasEntryPoint } from "./ownership.ts";
import type { Metadata, PackFile } from "./pack-file.ts";
import { parseTriggerType } from "./parse-trigger-type.ts";

const text = { type: "string" };

const check = compileFields({
  type: "object",
  required: ["class_name", "entry_point"],
  additionalProperties: false,
  properties: {
    class_name: { ...text, pattern: "^[A-Za-z_$][\\w$]*$", fix: "write the name of the class in the code" },
    entry_point: { ...text, minLength: 1, fix: "name the code file, relative to sensors/" },
    description: text,
    enabled: { type: "boolean" },
    // StackStorm refuses less as well.
    poll_interval: { type: "number", minimum: 4, maximum: 2_147_483, fix: "write at least 4 (seconds)" },
    trigger_types: { type: "array" },
    pack: text,
    name: text,
    ref: text,
    uid: text,
  },
});

/** The language by the entry point's extension; what has none of ours is started as it is. */
export function languageOf(entryPoint: string): SensorLanguage {
  if (/\.(?:[mc]?js|m?ts)$/.test(entryPoint)) return "node";
  return entryPoint.endsWith(".py") ? "python" : "executable";
}

/** Told early where it is plain; a class may also come from elsewhere, so it is only a warning. */
function checkClass(metadata: Metadata, className: string, code: PackFile): void {
  const source = Buffer.from(code.content).toString("utf8");
  const classes = [...source.matchAll(/\bclass\s+([A-Za-z_$][\w$]*)/g)].map((match) => match[1] ?? "");
  if (classes.includes(className) || classes.length === 0) return;
  metadata.report({
    code: "SENSOR_INVALID",
    severity: "warning",
    message: `${code.path} defines no class ${className}`,
    where: metadata.at(["class_name"]),
    hint: suggestion(className, classes),
  });
}

function checkExecutable(metadata: Metadata, code: PackFile): boolean {
  if ((code.mode & 0o100) !== 0) return true;
  metadata.report({
    code: "PACK_ENTRY_POINT",
    severity: "error",
    message: `${code.path} is started as a program, but is not executable`,
    where: metadata.at(["entry_point"]),
    hint: `chmod +x ${code.path}`,
  });
  return false;
}

export interface ParsedSensor {
  /** `null` after reporting what is wrong. */
  readonly sensor: SensorDefinition | null;
  /** Those that could be read, also when the sensor itself could not. */
  readonly triggerTypes: readonly TriggerType[];
}

/** Unknown fields are warnings: StackStorm never looked at them, and packs of 2016 carry some. */
export function parseSensor(metadata: Metadata, files: ReadonlyMap<string, PackFile>): ParsedSensor {
  const fieldsOk = checkFields(check, metadata, { code: "PACK_FIELD", unknown: "warning" });
  const sensor = (isObject(metadata.value) ? withoutEmpty(metadata.value) : {}) as Record<string, Json>;
  const declared: readonly Json[] = Array.isArray(sensor.trigger_types) ? sensor.trigger_types : [];
  const parsed = declared.map((value, index) => parseTriggerType(metadata, ["trigger_types", index], value));
  const triggerTypes = parsed.filter((type) => type !== null);
  const owned = belongsToPack(metadata, [], sensor.pack);
  const { class_name: className, entry_point: entryPoint } = sensor;
  const runnable =
    typeof entryPoint === "string" && entryPoint !== "" && checkCode(metadata, entryPoint, className, files);
  if (!fieldsOk || !owned || !runnable || triggerTypes.length < declared.length) {
    return { sensor: null, triggerTypes };
  }
  return {
    sensor: {
      ref: formatRef(metadata.pack, className as string),
      pack: metadata.pack,
      class_name: className as string,
      entry_point: posix.normalize(entryPoint),
      description: (sensor.description as string | undefined) ?? "",
      enabled: (sensor.enabled as boolean | undefined) ?? true,
      poll_interval: (sensor.poll_interval as number | undefined) ?? null,
      language: languageOf(entryPoint),
      trigger_types: triggerTypes.map(({ ref }) => ref),
    },
    triggerTypes,
  };
}

function checkCode(
  metadata: Metadata,
  entryPoint: string,
  className: Json | undefined,
  files: ReadonlyMap<string, PackFile>,
): boolean {
  if (!hasEntryPoint(metadata, "sensors", entryPoint, [...files.keys()])) return false;
  const code = files.get(posix.normalize(`sensors/${entryPoint}`));
  if (code === undefined) return false;
  if (languageOf(entryPoint) === "executable") return checkExecutable(metadata, code);
  if (typeof className === "string") checkClass(metadata, className, code);
  return true;
}
