/** Ticks every ten seconds, and remembers how often it has. */
import type { JsonObject, Sensor, SensorService } from "../types/petrel.d.ts";

export class TickSensor implements Sensor {
  readonly #service: SensorService;
  #count = 0;

  constructor(service: SensorService, _config: JsonObject) {
    this.#service = service;
  }

  /** Called once, first. */
  async setup(): Promise<void> {
    this.#count = Number((await this.#service.getValue("count")) ?? 0);
  }

  /** Called every `poll_interval` seconds. What it throws ends the process, which is then started again. */
  async poll(): Promise<void> {
    const count = this.#count + 1;
    const payload = { count, time: new Date().toISOString() };
    // The trigger and the new count are stored together: no tick is counted twice or told twice.
    await this.#service.dispatch("new_pack.tick", payload, { set: { count } });
    this.#count = count;
  }
}
