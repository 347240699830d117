/** The policy of this host that holds now, what it has refused so far, and how another one comes into force. */
import { type Clock, timestamp } from "../../shared/clock.ts";
import { errorReport, type PetrelError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import type { HostPolicy, JudgedRequest, Refusal, RefusedBy } from "./host-policy.ts";

/** A policy file that was read. */
export interface PolicyReading {
  readonly path: string;
  /** Of its bytes: `sha256:…`. */
  readonly digest: string;
  readonly policy: HostPolicy;
}

export interface PolicyInForceOptions {
  /** The policy at the start; `null`: there is none, and what agent.yaml allows is allowed. */
  readonly first: PolicyReading | null;
  /** Reads the file again; `null` when there is none. */
  readonly read: () => Promise<PolicyReading | null>;
  /** Whom a request's process would be of, by the settings; throws when they refuse it themselves. */
  readonly userOf: (request: JudgedRequest) => string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What `petrel-agent status` shows. */
export interface PolicyStatus {
  /** Of the file in force, as all but `problem`; `null` when there is none. */
  readonly path: string | null;
  readonly digest: string | null;
  /** RFC 3339: since when it is in force. */
  readonly since: string | null;
  /** Why the file could not be taken when it was read last; the one before it is in force. */
  readonly problem: string | null;
}

/** A hub may ask for what is refused as often as it likes: that fills no log. */
const quietMs = 60_000;

export class PolicyInForce {
  readonly #options: PolicyInForceOptions;
  #reading: PolicyReading | null;
  #since: string;
  #problem: string | null = null;
  #refused = new Map<RefusedBy, number>();
  /** Refusals that no line of the log has told. */
  #untold = 0;
  #toldAt = Number.NEGATIVE_INFINITY;
  #changed: () => void = () => {};
  #reloads: Promise<unknown> = Promise.resolve();

  constructor(options: PolicyInForceOptions) {
    this.#options = options;
    this.#reading = options.first;
    this.#since = timestamp(options.clock.now());
    const { path, digest } = options.first ?? {};
    if (options.first !== null) options.log.info("the host's policy is in force", { path, digest });
  }

  /** Of the file in force; `null` when there is none. */
  get digest(): string | null {
    return this.#reading?.digest ?? null;
  }

  /** `null` when this host has no policy file, and none that cannot be taken. */
  get status(): PolicyStatus | null {
    const { path = null, digest = null } = this.#reading ?? {};
    const since = this.#reading === null ? null : this.#since;
    return path === null && this.#problem === null ? null : { path, digest, since, problem: this.#problem };
  }

  /** Requests refused since the agent started, by what refused them. */
  get refused(): Readonly<Partial<Record<RefusedBy, number>>> {
    return Object.fromEntries(this.#refused);
  }

  /** Called after another policy has come into force. */
  onChange(changed: () => void): void {
    this.#changed = changed;
  }

  /** HOST_REFUSED; `null` when the pack may be on this host. */
  refusesPack(pack: string): PetrelError | null {
    return this.#reading?.policy.judge("packs", pack)?.error ?? null;
  }

  /** HOST_REFUSED; `null` when the sensor may run. */
  refusesSensor(sensor: string): PetrelError | null {
    return this.#reading?.policy.judge("sensors", sensor)?.error ?? null;
  }

  /** HOST_REFUSED, counted; `null` when the hub may upgrade this agent. */
  refusesUpgrade(): PetrelError | null {
    const refusal = this.#reading?.policy.judgeUpgrade() ?? null;
    if (refusal !== null) this.#note(refusal);
    return refusal?.error ?? null;
  }

  /** HOST_REFUSED, counted; `null` when the request may run now. */
  refuses(request: JudgedRequest): PetrelError | null {
    const refusal = this.#reading?.policy.judgeRequest(request, () => this.#userOf(request)) ?? null;
    if (refusal !== null) this.#note(refusal);
    return refusal?.error ?? null;
  }

  /**
   * Reads the file again. Resolves to whether it is in force now; one that cannot be taken, and one that is gone, leave
   * that before in force. Never rejects.
   */
  reload(): Promise<boolean> {
    const turn = this.#reloads.then(() => this.#reload());
    this.#reloads = turn;
    return turn;
  }

  async #reload(): Promise<boolean> {
    const { read, clock, log } = this.#options;
    try {
      const reading = await read();
      if (reading === null && this.#reading === null) {
        this.#problem = null;
        log.info("this host has no policy file");
        return true;
      }
      if (reading === null) return this.#keep("the file is gone", { fix: "restart the agent to be without" });
      this.#problem = null;
      const { path, digest } = reading;
      if (digest === this.#reading?.digest && path === this.#reading.path) {
        log.info("the host's policy is the same as before", { path, digest });
        return true;
      }
      this.#reading = reading;
      this.#since = timestamp(clock.now());
      log.warn("another policy of the host is in force", { path, digest });
      this.#changed();
      return true;
    } catch (error) {
      const { code, message, where, fix } = errorReport(error);
      return this.#keep(`${code}: ${message}${where === undefined ? "" : ` (${where})`}`, { fix });
    }
  }

  #keep(problem: string, more: { readonly fix?: string | undefined }): false {
    this.#problem = problem;
    const stays = this.#reading === null ? "there is none as before" : "the one before it stays in force";
    this.#options.log.error(`the host's policy file cannot be taken: ${stays}`, { problem, ...more });
    return false;
  }

  #userOf(request: JudgedRequest): string | null {
    try {
      return this.#options.userOf(request);
    } catch {
      // The settings refuse it, and say so when its turn comes.
      return null;
    }
  }

  #note({ by, error }: Refusal): void {
    this.#refused.set(by, (this.#refused.get(by) ?? 0) + 1);
    const at = this.#options.clock.monotonic();
    if (at - this.#toldAt < quietMs) {
      this.#untold++;
      return;
    }
    this.#options.log.warn("the host's policy refuses what the hub asks for", {
      reason: error.message,
      ...(this.#untold > 0 && { unlogged_before: this.#untold }),
    });
    this.#toldAt = at;
    this.#untold = 0;
  }
}
