/** Upgrades of an agent that `petrel-agent install` has put on its host: shared/install does it, beside the agent. */
import { spawn } from "node:child_process";
import { isSea } from "node:sea";
import { isPetrelError, PetrelError } from "../../shared/errors.ts";
import { carryOutElsewhere } from "../../shared/install/elsewhere-process.ts";
import { layoutOf, programOf, rootOfProgram } from "../../shared/install/layout.ts";
import { type Prepared, prepare } from "../../shared/install/prepare-process.ts";
import { lastOutcome, onDisk } from "../../shared/install/releases-fs.ts";
import { hasSystemd, systemctl as serviceBy, usualLimits } from "../../shared/install/service-process.ts";
import { type Health, standOf } from "../../shared/install/trial.ts";
import { isTaken } from "../../shared/install/turn-process.ts";
import type { Logger } from "../../shared/log.ts";
import { agentProduct } from "../install/product.ts";
import type { HostOutcome, HostUpgrade, UpgradeFile } from "./host-upgrade.ts";
import { byHand } from "./judge.ts";

export interface InstalledOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** How this agent is now: what the new version has to be like. */
  readonly health: () => Promise<Health | null>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly monotonic: () => number;
  readonly log: Logger;
}

/** ms in which a process that was started has taken its turn: before that, nobody is missed. */
const startingMs = 30_000;

export function installedUpgrade({ env, health, now, monotonic, log }: InstalledOptions): HostUpgrade {
  const product = agentProduct;
  // Sources are no one file; what stands in for one in tests says where it lies, and what stands for systemctl.
  const program = isSea() ? process.execPath : env.PETREL_PROGRAM;
  const systemctl = isSea() ? undefined : env.PETREL_SYSTEMCTL;
  const root = program === undefined ? null : rootOfProgram(product, program);
  const layout = layoutOf(product, root ?? "/");
  let startedAt = Number.NEGATIVE_INFINITY;

  const carryOut = (prepared: Prepared): void => {
    startedAt = monotonic();
    if (systemctl === undefined) {
      // Its end is read from disk: by this agent if it is taken back at once, else by the next one.
      carryOutElsewhere({ product, layout, limits: usualLimits }, prepared).catch((error) =>
        log.error("the upgrade could not be carried out", { error }),
      );
      return;
    }
    const args = ["upgrade", "--carry-out", "--root", root ?? "/", "--systemctl", systemctl];
    const child = spawn(programOf(layout, product, prepared.from), args, { detached: true, stdio: "ignore" });
    child.once("error", (error) => log.error("the upgrade could not be carried out", { error }));
    child.unref();
  };

  return {
    async unable() {
      const hint = "install the new version as this one was installed";
      if (root === null)
        return new PetrelError("NOT_INSTALLED", "this agent was not put here by `petrel-agent install`", {
          hint,
        });
      if (systemctl === undefined && !hasSystemd())
        return new PetrelError("NOT_INSTALLED", "no systemd runs here that would start another version", {
          hint,
        });
      return null;
    },

    async lastMark() {
      return (await lastOutcome(layout))?.at ?? null;
    },

    async start({ path, version, sha256, allowDowngrade }: UpgradeFile) {
      const host = {
        product,
        layout,
        // Whoever carries it out starts it; what is mended on the way there has units of its own.
        service: null,
        reload: () => serviceBy(systemctl).reload(),
        health,
        limits: usualLimits,
        now,
        told: (news: string) => log.info("upgrade", { news }),
        pass: () => {},
      };
      const wish = { file: path, sha256, allowDowngrade, allowFormatChange: false };
      const prepared = await prepare(host, wish).catch((error: unknown) => {
        throw isPetrelError(error) && error.code === "UPGRADE_FORMAT" ? byHand(error) : error;
      });
      if (prepared === null || prepared.to !== version) {
        const what = prepared === null ? "the version that runs" : `version ${prepared.to}`;
        throw new PetrelError(
          "UPGRADE_UNFIT",
          `the file calls itself ${what}, and was announced as ${version}`,
          {
            hint: "add the binary to the hub again, with its own version",
          },
        );
      }
      carryOut(prepared);
    },

    async outcome({ version, sha256 }, mark): Promise<HostOutcome> {
      const state = await onDisk(layout, product);
      const { pending } = state;
      if (pending !== null && pending.to === version && pending.sha256 === sha256) {
        const stand = standOf(state);
        // Switched back, only nobody has said so. One that is not even switched is its own program's to end.
        const isBack = stand.kind === "back" && state.current === pending.from;
        const isCutOff = (stand.kind === "before" || isBack) && !isTaken(layout.lock);
        if (!isCutOff || monotonic() - startedAt <= startingMs) return { kind: "running" };
        return stand.kind === "back" ? { kind: "rolled-back", why: stand.why } : { kind: "none" };
      }
      const last = await lastOutcome(layout);
      if (last === null || last.at === mark || last.to !== version) return { kind: "none" };
      // One whose way back was closed stays, and runs: what is wrong with it is said.
      return { kind: last.result === "rolled-back" ? "rolled-back" : "upgraded", why: last.why };
    },
  };
}
