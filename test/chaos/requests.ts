/** What people ask of a hub while it is being killed; it makes the hub and its agents pass the rarer points. */
import { join } from "node:path";
import type { Execution } from "../../shared/model/execution.ts";
import { type ChaosFleet, encoded } from "./fleet.ts";

export type Request = "run" | "run large" | "cancel" | "rule" | "pack" | "backup" | "tell";

/** Which request makes a process pass a point; most are passed without any. */
const leadingTo: Readonly<Record<string, Request>> = {
  "execution-changed.after": "cancel",
  "execution-made.after": "run",
  "blob.after": "run large",
  "rules-changed.after": "rule",
  "pack-put.before": "pack",
  "pack-put.after": "pack",
  "backup-copied.after": "backup",
  "emit.before": "tell",
  "emit.after": "tell",
  "parameters-fetched.after": "run large",
  "pack-fetched.after": "pack",
  "packs-applied.before": "pack",
  "packs-applied.after": "pack",
};

export const requestFor = (point: string | null): Request | null =>
  point === null ? null : (leadingTo[point] ?? null);

/** An execution by hand of which the hub has said that it has it. */
export interface Made {
  readonly execution: string;
  /** Line that its action leaves; `null`: none. */
  readonly name: string | null;
  readonly length: number;
  readonly canceled: boolean;
}

/** A trigger that the hub was asked to tell, by a request that may be repeated. */
export interface Told {
  readonly count: number;
  /** The instance that an answer named first; `null`: no answer came. */
  readonly answered: string | null;
}

/** Larger than an entry, so that it travels as a blob. */
const largeText = 300_000;

export class Requests {
  readonly #fleet: ChaosFleet;
  #count = 0;
  readonly made: Made[] = [];
  readonly told: Told[] = [];
  /** By what the hub answered; requests that got no answer are not among them. */
  readonly refused = new Map<string, number>();

  constructor(fleet: ChaosFleet) {
    this.#fleet = fleet;
  }

  /** Asks once; `agent` is whom a run is for. Resolves whatever became of it: the hub may die of it. */
  async ask(request: Request, agent: string): Promise<void> {
    this.#count += 1;
    try {
      await this.#ask(request, agent, this.#count);
    } catch (error) {
      const status = /: (\d{3}) .*?"code":"([A-Z_]+)"/.exec(error instanceof Error ? error.message : "");
      if (status === null) return;
      const what = `${request}: ${status[1]} ${status[2]}`;
      this.refused.set(what, (this.refused.get(what) ?? 0) + 1);
    }
  }

  /** Asks the same once more, as whoever got no answer does. */
  async repeat(): Promise<readonly (Told & { readonly again: string })[]> {
    const repeated = [];
    for (const one of this.told) repeated.push({ ...one, again: await this.#tell(one.count) });
    return repeated;
  }

  /** The instance that it has become. */
  async #tell(count: number): Promise<string> {
    const { trigger_instances } = await this.#fleet.hub.api<{ trigger_instances: readonly { id: string }[] }>(
      "POST",
      "/v1/webhooks/st2",
      { trigger: "chaos.told", payload: { count } },
      { "Idempotency-Key": `told ${count}` },
    );
    return trigger_instances[0]?.id ?? "";
  }

  async #ask(request: Request, agent: string, count: number): Promise<void> {
    const { hub, folder } = this.#fleet;
    switch (request) {
      case "run":
        return this.#weigh(agent, `run-${count}`, 10);
      case "run large":
        return this.#weigh(agent, `run-${count}`, largeText);
      case "cancel": {
        const execution = await this.#run("chaos.linger", {}, agent);
        this.made.push({ execution, name: null, length: 0, canceled: true });
        await hub.api("DELETE", `/v1/executions/${execution}`);
        return;
      }
      case "rule":
        await hub.api("POST", `/v1/rules/chaos.on_nothing/${count % 2 === 0 ? "enable" : "disable"}`);
        return;
      case "pack":
        await hub.api("POST", "/v1/packs", { files: encoded(sparePack(count)) });
        return;
      case "backup":
        await hub.api("POST", "/v1/backups", { folder: join(folder, `backup-${count}`) });
        return;
      case "tell": {
        const place = this.told.push({ count, answered: null }) - 1;
        this.told[place] = { count, answered: await this.#tell(count) };
        return;
      }
    }
  }

  async #weigh(agent: string, name: string, length: number): Promise<void> {
    // No two texts alike: a blob that is there already is not stored again.
    const text = name.padEnd(length, "x");
    const execution = await this.#run("chaos.weigh", { name, text }, agent);
    this.made.push({ execution, name, length, canceled: false });
  }

  async #run(action: string, parameters: object, agent: string): Promise<string> {
    const body = { action, parameters, target: { host: agent } };
    const { items } = await this.#fleet.hub.api<{ items: readonly Execution[] }>(
      "POST",
      "/v1/executions",
      body,
    );
    return items[0]?.id ?? "";
  }
}

/** Another version each time; nothing of it ever runs. */
function sparePack(version: number) {
  const text = `ref: spare\nname: spare\ndescription: Version ${version}.\nversion: 0.0.${version}\nauthor: Petrel\n`;
  return [{ path: "pack.yaml", mode: 0o644, content: Buffer.from(text) }];
}
