/** What the host's policy does not let be of the packs that are assigned, and how the hub hears of it. */
import { errorReport, type PetrelError } from "../../shared/errors.ts";
import { parseRef } from "../../shared/ref.ts";
import type { SensorStatus } from "../sensors/sensor-reports.ts";
import type { PolicyInForce } from "./policy-in-force.ts";

/** HOST_REFUSED as the hub shows it. */
export function refusedText(error: PetrelError): string {
  const { code, message, where } = errorReport(error);
  return `${code}: ${message}${where === undefined ? "" : ` (${where})`}`;
}

/** A sensor that is assigned and may not run. */
export interface RefusedSensor {
  readonly sensor: string;
  /** Of the assignment that wants it. */
  readonly fingerprint: string | null;
  readonly error: PetrelError;
}

export interface PackRefusalsOptions {
  readonly policy: Pick<PolicyInForce, "digest" | "refusesPack" | "refusesSensor">;
  readonly report: (status: SensorStatus, crashes: number) => void;
  /** RFC 3339. */
  readonly now: () => string;
}

export class PackRefusals {
  readonly #options: PackRefusalsOptions;
  #sensors = new Map<string, SensorStatus>();

  constructor(options: PackRefusalsOptions) {
    this.#options = options;
  }

  get digest(): string | null {
    return this.#options.policy.digest;
  }

  refusesPack(pack: string): PetrelError | null {
    return this.#options.policy.refusesPack(pack);
  }

  refusesSensor(sensor: string): PetrelError | null {
    return this.#options.policy.refusesSensor(sensor);
  }

  /** Takes all sensors that are refused at present; what is new or over of it is told. */
  tellRefused(sensors: readonly RefusedSensor[]): void {
    const before = this.#sensors;
    this.#sensors = new Map();
    for (const { sensor, fingerprint, error } of sensors) {
      const last_error = refusedText(error);
      const known = before.get(sensor);
      const same = known?.fingerprint === fingerprint && known.last_error === last_error ? known : null;
      const status = same ?? { ...this.#status(sensor, "failed", fingerprint), last_error };
      this.#sensors.set(sensor, status);
      if (same === null) this.#options.report(status, 0);
    }
    // What is to run again tells of its start after this.
    for (const [sensor, { fingerprint }] of before)
      if (!this.#sensors.has(sensor)) this.#options.report(this.#status(sensor, "stopped", fingerprint), 0);
  }

  /** Passes on what a sensor's process tells of itself; of one that had to stop, why. */
  report(status: SensorStatus, crashes: number): void {
    const told = status.state === "stopped" ? this.#whyStopped(status) : status;
    this.#options.report(told, crashes);
  }

  #whyStopped(status: SensorStatus): SensorStatus {
    const refused = this.#sensors.get(status.sensor);
    if (refused !== undefined) return refused;
    const error = this.refusesPack(parseRef(status.sensor)?.pack ?? "");
    return error === null ? status : { ...status, last_error: refusedText(error) };
  }

  /** Of the sensors that are refused now. */
  statuses(): readonly SensorStatus[] {
    return [...this.#sensors.values()];
  }

  #status(sensor: string, state: "failed" | "stopped", fingerprint: string | null): SensorStatus {
    const since = this.#options.now();
    return { sensor, state, pid: null, restarts: 0, last_error: null, since, fingerprint, problem: null };
  }
}
