/** A sensor side that ends with its test, and sensors written on the spot. */
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import type { DesiredSensor } from "../../agent/sensors/desired-sensor.ts";
import type { JsonObject } from "../../shared/json.ts";
import type { SensorLanguage } from "../../shared/model/pack.ts";
import { openSensorSide, type SensorSide, type SensorSideOptions } from "./sensor-side.ts";

export type SensorBench = SensorSide;

export async function startSensorBench(options: SensorSideOptions): Promise<SensorBench> {
  const side = await openSensorSide(options);
  onTestFinished(side.close);
  return side;
}

let versions = 0;

export interface WrittenSensor {
  readonly className?: string;
  readonly entryPoint: string;
  readonly source: string;
  readonly pollInterval?: number;
  readonly config?: JsonObject;
  /** Further files of the pack: path to text. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Writes the code of a sensor of pack `bench` into `packFolder`, and says what is to run. */
export async function writeSensor(packFolder: string, sensor: WrittenSensor): Promise<DesiredSensor> {
  const { className = "TestSensor", entryPoint, source, pollInterval, config = {}, files = {} } = sensor;
  const language: SensorLanguage = entryPoint.endsWith(".py")
    ? "python"
    : /\.[mc]?[jt]s$/.test(entryPoint)
      ? "node"
      : "executable";
  for (const [path, text] of Object.entries({ ...files, [`sensors/${entryPoint}`]: source })) {
    await mkdir(dirname(join(packFolder, path)), { recursive: true });
    await writeFile(join(packFolder, path), text);
  }
  if (language === "executable") await chmod(join(packFolder, "sensors", entryPoint), 0o755);
  const seen = {
    ref: "bench.seen",
    pack: "bench",
    name: "seen",
    description: "",
    payload_schema: {},
    parameters_schema: {},
    payload_validation: "warn",
  } as const;
  return {
    definition: {
      ref: `bench.${className}`,
      pack: "bench",
      class_name: className,
      entry_point: entryPoint,
      description: "",
      enabled: true,
      poll_interval: pollInterval ?? null,
      language,
      trigger_types: ["bench.seen"],
    },
    triggerTypes: [seen],
    packFolder,
    codeDigest: String(++versions),
    packDigest: "sha256:none",
    fingerprint: null,
    config,
  };
}
