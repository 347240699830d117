/**
 * Carries out what the hub asks for: judge, fetch, verify, hand over to the host, and tell how it ended. Each step is on
 * disk before the next, with what is told of it, so that it goes on after the agent's end, which is part of it.
 */
import { timestamp } from "../../shared/clock.ts";
import { errorReport, isPetrelError } from "../../shared/errors.ts";
import type { AppendEntry } from "../../shared/link/outbox-store.ts";
import type { Logger } from "../../shared/log.ts";
import type { BlobRef } from "../../shared/model/execution.ts";
import { Rounds } from "../../shared/rounds.ts";
import type { Timers } from "../../shared/timers.ts";
import type { SignedManifest } from "../../shared/upgrade/manifest.ts";
import type { UpgradeEntry, UpgradeReportEntry } from "../../shared/wire/messages.ts";
import type { HostUpgrade } from "./host-upgrade.ts";
import { judgeUpgrade, type UpgradeFacts } from "./judge.ts";

/** A request that was taken up. */
export interface CurrentUpgrade {
  readonly entry: UpgradeEntry;
  readonly stage: "fetching" | "installing" | "ended";
  /** What it becomes; `null` when it came to nothing. */
  readonly manifest: SignedManifest | null;
  /** See `HostUpgrade.lastMark`. */
  readonly mark: string | null;
  /** How often the host was asked to begin. */
  readonly starts: number;
}

export interface Upgrades {
  /** The newest request. */
  wanted(): Promise<UpgradeEntry | null>;
  current(): Promise<CurrentUpgrade | null>;
  /** Both in one batch; resolves once on disk. */
  save(current: CurrentUpgrade, reports: readonly AppendEntry[]): Promise<void>;
}

/** What was fetched, on its way to one file. */
export interface UpgradeParts {
  /** Resolves once it is on disk and has its digest. Rejects with the errors of `fetchBlob`. */
  fetch(part: BlobRef): Promise<void>;
  /**
   * The whole file, verified. Its path. UPGRADE_DIGEST or RELEASE_INVALID when it is another one, or none; the errors of
   * `fetch`, since a part that was lost on the way is fetched once more.
   */
  assemble(manifest: SignedManifest): Promise<string>;
  /** Forgets all of it. */
  discard(): Promise<void>;
}

export interface UpgraderOptions {
  readonly upgrades: Upgrades;
  readonly parts: UpgradeParts;
  readonly host: HostUpgrade;
  readonly facts: (entry: UpgradeEntry) => Promise<UpgradeFacts>;
  readonly newId: () => string;
  /** Milliseconds since the epoch, by this host's clock. */
  readonly now: () => number;
  readonly timers: Timers;
  readonly jitter: () => number;
  readonly log: Logger;
}

type State = UpgradeReportEntry["state"];

/** How often the host is asked how far it is. */
const lookEveryMs = 1_000;
/** The host is asked to begin so often: each time before, whoever carried it out was killed before it had begun. */
const mostStarts = 3;
/** These come from a link that is away; everything else would come again. */
const passing: ReadonlySet<string> = new Set([
  "LINK_CLOSED",
  "ASK_TIMEOUT",
  "STORE_WRITE",
  "LINK_OUTBOX_FULL",
]);
const isPassing = (error: unknown): boolean => isPetrelError(error) && passing.has(error.code);

export class Upgrader {
  readonly #options: UpgraderOptions;
  readonly #rounds: Rounds;
  #cancelLook = () => {};

  constructor(options: UpgraderOptions) {
    this.#options = options;
    const { timers, jitter, log } = options;
    this.#rounds = new Rounds({
      timers,
      jitter,
      work: () => this.#round(),
      failed: (error, retryMs) =>
        log.warn("an upgrade waits", { retry_in_ms: retryMs, reason: errorReport(error).message }),
    });
  }

  /** At the start, after another request has come, and when the link is up again. */
  changed(): void {
    void this.#rounds.ask();
  }

  async close(): Promise<void> {
    const stopped = this.#rounds.stop();
    this.#cancelLook();
    await stopped;
    this.#cancelLook();
  }

  async #round(): Promise<void> {
    this.#cancelLook();
    const { upgrades } = this.#options;
    const current = await upgrades.current();
    if (current?.stage === "installing" && !(await this.#look(current))) return;
    const wanted = await upgrades.wanted();
    if (wanted === null) return;
    const known = await upgrades.current();
    if (known?.entry.id === wanted.id && known.stage === "ended") return;
    const fetching =
      known?.entry.id === wanted.id && known.manifest !== null ? known : await this.#takeUp(wanted, known);
    if (fetching?.manifest != null) await this.#fetch(fetching, fetching.manifest);
  }

  /** `null` when it comes to nothing. */
  async #takeUp(wanted: UpgradeEntry, before: CurrentUpgrade | null): Promise<CurrentUpgrade | null> {
    const { upgrades, facts, parts, log } = this.#options;
    const isOther = before?.stage === "fetching" && before.entry.upgrade !== wanted.upgrade;
    const reports = isOther
      ? [
          this.#report(
            before.entry,
            "failed",
            "superseded",
            `another upgrade was asked for: ${wanted.upgrade}`,
          ),
        ]
      : [];
    const end = async (state: State | null, code?: string, reason?: string) => {
      await parts.discard();
      const told = state === null ? reports : [...reports, this.#report(wanted, state, code, reason)];
      await upgrades.save({ entry: wanted, stage: "ended", manifest: null, mark: null, starts: 0 }, told);
      if (state !== null)
        log.warn("the hub asks for an upgrade", { upgrade: wanted.upgrade, state, code, reason });
      return null;
    };
    if (wanted.releases.length === 0) {
      const isEnded = before?.stage === "ended" && before.entry.upgrade === wanted.upgrade;
      return isEnded ? end(null) : end("failed", "withdrawn", "the hub has taken its request back");
    }
    const verdict = judgeUpgrade(wanted, await facts(wanted));
    switch (verdict.kind) {
      case "there":
        return end("healthy", "already", "this version runs already");
      case "refuse":
        return end("refused", verdict.error.code, verdict.error.message);
      case "fail":
        return end("failed", verdict.error.code, verdict.error.message);
      default: {
        const { manifest } = verdict;
        const current: CurrentUpgrade = { entry: wanted, stage: "fetching", manifest, mark: null, starts: 0 };
        await upgrades.save(current, [...reports, this.#report(wanted, "sending")]);
        log.info("the hub asks for an upgrade", { upgrade: wanted.upgrade, version: manifest.version });
        return current;
      }
    }
  }

  async #fetch(current: CurrentUpgrade, manifest: SignedManifest): Promise<void> {
    const { upgrades, host } = this.#options;
    const { entry } = current;
    let fetched: string | UpgradeReportEntry | null;
    try {
      fetched = await this.#fetched(entry, manifest);
    } catch (error) {
      if (isPassing(error)) throw error;
      await this.#failed(current, error);
      return;
    }
    if (fetched === null) return;
    if (typeof fetched !== "string") {
      await this.#end(current, fetched);
      return;
    }
    const mark = await host.lastMark();
    const installing: CurrentUpgrade = { ...current, stage: "installing", mark };
    await upgrades.save(installing, [this.#report(entry, "installing")]);
    await this.#start(installing, manifest, fetched);
  }

  /** The file's path; or how it has ended before that; `null`: it is not the newest request any more. */
  async #fetched(entry: UpgradeEntry, manifest: SignedManifest): Promise<string | UpgradeReportEntry | null> {
    const { upgrades, parts } = this.#options;
    const isWanted = async () => (await upgrades.wanted())?.id === entry.id;
    for (const part of manifest.parts) {
      if (!(await isWanted())) return null;
      const ending = await this.#ending(entry);
      if (ending !== null) return ending;
      await parts.fetch(part);
    }
    const path = await parts.assemble(manifest);
    if (!(await isWanted())) return null;
    return (await this.#ending(entry)) ?? path;
  }

  async #start(current: CurrentUpgrade, manifest: SignedManifest, path: string): Promise<void> {
    const { upgrades, host, log } = this.#options;
    const { version, sha256 } = manifest;
    const started = { ...current, starts: current.starts + 1 };
    await upgrades.save(started, []);
    log.warn("the agent is upgraded", { upgrade: current.entry.upgrade, version });
    try {
      await host.start({ path, version, sha256, allowDowngrade: current.entry.allow_downgrade });
    } catch (error) {
      await this.#failed(started, error);
      return;
    }
    this.#lookLater();
  }

  /** False while it goes on. */
  async #look(current: CurrentUpgrade): Promise<boolean> {
    const { host } = this.#options;
    const { manifest, entry } = current;
    if (manifest === null) return true;
    const outcome = await host.outcome(manifest, current.mark);
    switch (outcome.kind) {
      case "running":
        this.#lookLater();
        return false;
      case "none":
        return this.#startAgain(current, manifest);
      case "upgraded":
        await this.#end(current, this.#report(entry, "healthy", undefined, outcome.why));
        return true;
      case "rolled-back":
        await this.#end(current, this.#report(entry, "rolled_back", "UPGRADE_ROLLED_BACK", outcome.why));
        return true;
    }
  }

  /** Nobody carries it out, and time has passed: what held at its first start may not hold any more. */
  async #startAgain(current: CurrentUpgrade, manifest: SignedManifest): Promise<boolean> {
    const { upgrades, parts } = this.#options;
    const { entry } = current;
    const end = async (state: State, code: string, reason: string) => {
      await this.#end(current, this.#report(entry, state, code, reason));
      return true;
    };
    if (current.starts >= mostStarts)
      return end("failed", "UPGRADE_CUT_OFF", "it was killed at each attempt");
    const wanted = await upgrades.wanted();
    if (wanted?.id !== entry.id)
      return wanted?.upgrade === entry.upgrade && wanted.releases.length === 0
        ? end("failed", "withdrawn", "the hub has taken its request back")
        : end("failed", "superseded", `another upgrade was asked for: ${wanted?.upgrade ?? "none"}`);
    let ready: string | UpgradeReportEntry;
    try {
      ready = (await this.#ending(entry)) ?? (await parts.assemble(manifest));
    } catch (error) {
      if (isPassing(error)) throw error;
      await this.#failed(current, error);
      return true;
    }
    if (typeof ready !== "string") {
      await this.#end(current, ready);
      return true;
    }
    await this.#start(current, manifest, ready);
    return (await upgrades.current())?.stage === "ended";
  }

  /** `null`: it would be taken up now, too. Policy, time and the hub's keys may have changed since it was. */
  async #ending(entry: UpgradeEntry): Promise<UpgradeReportEntry | null> {
    const verdict = judgeUpgrade(entry, { ...(await this.#options.facts(entry)), freeBytes: null });
    switch (verdict.kind) {
      case "take":
        return null;
      case "there":
        return this.#report(entry, "healthy", "already", "this version runs already");
      case "refuse":
        return this.#report(entry, "refused", verdict.error.code, verdict.error.message);
      case "fail":
        return this.#report(entry, "failed", verdict.error.code, verdict.error.message);
    }
  }

  async #failed(current: CurrentUpgrade, error: unknown): Promise<void> {
    const { code, message } = errorReport(error);
    await this.#end(current, this.#report(current.entry, "failed", code, message));
  }

  async #end(current: CurrentUpgrade, report: UpgradeReportEntry): Promise<void> {
    const { upgrades, parts, log } = this.#options;
    await upgrades.save({ ...current, stage: "ended" }, [report]);
    const { upgrade, state, code, reason } = report;
    log[state === "healthy" ? "info" : "error"]("an upgrade has ended", { upgrade, state, code, reason });
    await parts.discard();
  }

  #report(entry: UpgradeEntry, state: State, code?: string, reason?: string): UpgradeReportEntry {
    const { newId, now } = this.#options;
    return {
      id: newId(),
      at: timestamp(now()),
      kind: "upgrade-report",
      upgrade: entry.upgrade,
      state,
      ...(code !== undefined && { code }),
      ...(reason !== undefined && { reason: reason.slice(0, 2_000) }),
    };
  }

  #lookLater(): void {
    this.#cancelLook();
    this.#cancelLook = this.#options.timers.after(lookEveryMs, () => this.changed());
  }
}
