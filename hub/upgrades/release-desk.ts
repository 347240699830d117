/** Binaries of the agent that this hub may hand out. */
import { timestamp } from "../../shared/clock.ts";
import { PetrelError } from "../../shared/errors.ts";
import { compareVersions, isVersion } from "../../shared/install/release.ts";
import type { AgentRelease } from "../../shared/model/agent-release.ts";
import type { Architecture, ReleaseManifest } from "../../shared/upgrade/manifest.ts";
import type { Store } from "../store/store.ts";
import { checkContent } from "./content.ts";

export interface ReleaseDeskOptions {
  readonly store: Pick<Store, "agentReleases" | "putAgentRelease" | "removeAgentRelease">;
  /** Keeps one part; answers its digest. */
  readonly keepPart: (bytes: Uint8Array) => Promise<{ readonly digest: string }>;
  /** BLOB_MISSING. */
  readonly readPart: (digest: string) => Promise<Uint8Array>;
  readonly now: () => number;
}

export class ReleaseDesk {
  readonly #options: ReleaseDeskOptions;

  constructor(options: ReleaseDeskOptions) {
    this.#options = options;
  }

  /** Parts come before the release that names them; one that none names within a day is forgotten. UPGRADE_DIGEST. */
  async keepPart(digest: string, bytes: Uint8Array): Promise<void> {
    const kept = await this.#options.keepPart(bytes);
    if (kept.digest !== digest)
      throw new PetrelError("UPGRADE_DIGEST", `the part has the digest ${kept.digest}, and not ${digest}`, {
        hint: "send it again",
      });
  }

  /** In the order of versions, newest first, then of architectures. */
  async list(): Promise<readonly AgentRelease[]> {
    const all = [...(await this.#options.store.agentReleases())];
    return all.sort((a, b) => compareVersions(b.version, a.version) || (a.arch < b.arch ? -1 : 1));
  }

  /** The same again is no fault. RELEASE_INVALID, UPGRADE_DIGEST, UPGRADE_ARCHITECTURE, BLOB_MISSING, ALREADY_EXISTS. */
  async add(manifest: ReleaseManifest, user: string): Promise<AgentRelease> {
    const { store, readPart, now } = this.#options;
    for (const version of [manifest.version, manifest.min_agent, manifest.min_hub]) {
      if (version === null || isVersion(version)) continue;
      throw new PetrelError("RELEASE_INVALID", `'${version}' is no version`, {
        hint: "write it as 1.2.3 or 1.2.3-rc.1",
      });
    }
    await checkContent(manifest, readPart);
    const { v, version, arch, sha256, bytes, parts, min_agent, min_hub, store_format = null } = manifest;
    const kept = parts.map(({ digest, size }) => ({ digest, size }));
    const told = { v, version, arch, sha256, bytes, parts: kept, min_agent, min_hub, store_format };
    const known = await store.putAgentRelease({ ...told, added_at: timestamp(now()), added_by: user });
    if (known.sha256 === sha256) return known;
    throw new PetrelError("ALREADY_EXISTS", `version ${version} for ${arch} is here with another content`, {
      where: `sha256 ${known.sha256}`,
      hint: `give a new build a new version, or remove it first: petrel agent release remove ${version} --arch ${arch}`,
    });
  }

  /** `arch` null: all of that version. Answers what was removed; NOT_FOUND. */
  async remove(version: string, arch: Architecture | null): Promise<readonly AgentRelease[]> {
    const { store } = this.#options;
    const all = await store.agentReleases();
    const gone = all.filter((one) => one.version === version && (arch === null || one.arch === arch));
    for (const one of gone) await store.removeAgentRelease(one.version, one.arch);
    if (gone.length > 0) return gone;
    const what = `${version}${arch === null ? "" : ` for ${arch}`}`;
    throw new PetrelError("NOT_FOUND", `the hub has no binary of version ${what}`, {
      hint: "`petrel agent release list` shows what there is",
    });
  }
}
