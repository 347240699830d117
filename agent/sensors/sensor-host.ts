/** The sensors of this agent: starts, restarts and stops them until they are those that shall run. */
import { PetrelError } from "../../shared/errors.ts";
import type { Json, JsonObject } from "../../shared/json.ts";
import type { Logger } from "../../shared/log.ts";
import type { SensorAssignment } from "./desired-sensor.ts";
import type { SensorProcess } from "./sensor-process.ts";
import type { SensorStatus } from "./sensor-reports.ts";

export interface SensorHostOptions {
  /** Makes the process of a sensor, without starting it. */
  readonly create: (
    desired: SensorAssignment,
  ) => Pick<SensorProcess, "begin" | "replace" | "stop" | "status" | "folders" | "ask">;
  readonly log: Logger;
}

interface Hosted {
  readonly process: ReturnType<SensorHostOptions["create"]>;
}

export class SensorHost {
  readonly #options: SensorHostOptions;
  readonly #hosted = new Map<string, Hosted>();
  /** Sensors that were taken away and have not ended yet. */
  readonly #leaving = new Map<
    string,
    { readonly process: Hosted["process"]; readonly gone: Promise<void> }
  >();
  #isClosed = false;

  constructor(options: SensorHostOptions) {
    this.#options = options;
  }

  /** These sensors, and no others, shall run. Returns at once; one that did not change is not touched. */
  apply(desired: readonly SensorAssignment[]): void {
    if (this.#isClosed) return;
    const wanted = new Map(desired.map((sensor) => [sensor.definition.ref, sensor]));
    for (const [ref, hosted] of this.#hosted) if (!wanted.has(ref)) this.#takeAway(ref, hosted);
    for (const [ref, sensor] of wanted) {
      const hosted = this.#hosted.get(ref);
      if (hosted === undefined) this.#start(ref, sensor);
      else if (hosted.process.replace(sensor)) {
        this.#options.log.info("sensor changed; it is restarted", { sensor: ref });
      }
    }
  }

  /** Every sensor that runs or shall run, by ref. */
  statuses(): readonly SensorStatus[] {
    return [...this.#hosted.values()].map(({ process }) => process.status);
  }

  /**
   * What the sensor answers. Rejects with SENSOR_NOT_RUNNING when there is none of this ref or it is not up,
   * ASK_TIMEOUT, SENSOR_BUSY, or the sensor's own error.
   */
  async ask(ref: string, question: string, args: JsonObject, withinMs: number): Promise<Json> {
    const hosted = this.#hosted.get(ref);
    if (hosted !== undefined) return hosted.process.ask(question, args, withinMs);
    throw new PetrelError("SENSOR_NOT_RUNNING", `this agent runs no sensor ${ref}`, {
      hint: `\`petrel sensor list\` shows which agent runs what`,
    });
  }

  /** Folders of packs that a process still runs from. */
  foldersInUse(): ReadonlySet<string> {
    const all = [...this.#hosted.values(), ...this.#leaving.values()];
    return new Set(all.flatMap(({ process }) => process.folders));
  }

  /** Ends all sensors; what is not on disk `patienceMs` later is given up, and was never accepted. */
  async close(patienceMs: number): Promise<void> {
    this.#isClosed = true;
    const all = [...this.#hosted.values(), ...this.#leaving.values()];
    await Promise.all(all.map(({ process }) => process.stop(patienceMs)));
    this.#hosted.clear();
  }

  #start(ref: string, desired: SensorAssignment): void {
    const process = this.#options.create(desired);
    this.#hosted.set(ref, { process });
    // Two lives of one sensor never overlap, also when it was taken away and is back.
    process.begin(this.#leaving.get(ref)?.gone);
  }

  #takeAway(ref: string, { process }: Hosted): void {
    this.#hosted.delete(ref);
    const gone = process.stop().finally(() => {
      if (this.#leaving.get(ref)?.process === process) this.#leaving.delete(ref);
    });
    this.#leaving.set(ref, { process, gone });
  }
}
