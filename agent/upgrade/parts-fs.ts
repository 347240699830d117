/** A binary on its way from the hub: parts in a folder of their own, which outlive the agent, and then one file. */
import { createHash } from "node:crypto";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { BlobStore } from "../../shared/blobs/blob-fs.ts";
import { fetchBlob } from "../../shared/blobs/blob-transfer.ts";
import { isPetrelError, PetrelError } from "../../shared/errors.ts";
import { makeFolder, syncFolder } from "../../shared/folder-fs.ts";
import type { Json, JsonObject } from "../../shared/json.ts";
import type { BlobRef } from "../../shared/model/execution.ts";
import { inflated } from "../../shared/upgrade/inflate.ts";
import type { SignedManifest } from "../../shared/upgrade/manifest.ts";
import type { UpgradeParts } from "./upgrader.ts";

export interface PartsOptions {
  /** Made when something is fetched, and removed with all that is in it. */
  readonly folder: string;
  /** The link's. */
  readonly ask: (op: string, args: JsonObject, withinMs: number) => Promise<Json>;
  /** For each range. */
  readonly withinMs: number;
}

/** One question of four: sensors, actions and packs ask besides. */
const rangesAhead = 1;

const mendable: ReadonlySet<string> = new Set(["BLOB_CORRUPT", "BLOB_MISSING"]);

export class Parts implements UpgradeParts {
  readonly #options: PartsOptions;
  #store: Promise<BlobStore> | null = null;

  constructor(options: PartsOptions) {
    this.#options = options;
  }

  async fetch(part: BlobRef): Promise<void> {
    const { ask, withinMs } = this.#options;
    await fetchBlob({ ask, ref: part, store: await this.#opened(), withinMs, ahead: rangesAhead });
  }

  async assemble(manifest: SignedManifest): Promise<string> {
    const { folder } = this.#options;
    const store = await this.#opened();
    const path = join(folder, "petrel-agent");
    await rm(path, { force: true });
    const file = await open(path, "wx", 0o700);
    try {
      const hash = createHash("sha256");
      let bytes = 0;
      for await (const piece of inflated(this.#contents(store, manifest.parts))) {
        bytes += piece.length;
        // Whatever the stream would grow to: no more is written than was signed.
        if (bytes > manifest.bytes) throw another(`it has more than ${manifest.bytes} bytes`);
        hash.update(piece);
        await file.writeFile(piece);
      }
      if (bytes !== manifest.bytes) throw another(`it has ${bytes} bytes, and not ${manifest.bytes}`);
      const found = hash.digest("hex");
      if (found !== manifest.sha256) throw another(`it has the digest ${found}, and not ${manifest.sha256}`);
      await file.sync();
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    } finally {
      await file.close();
    }
    await syncFolder(folder);
    return path;
  }

  async discard(): Promise<void> {
    this.#store = null;
    await rm(this.#options.folder, { recursive: true, force: true });
  }

  /** A part that has gone bad on this disk, or away, comes from the hub once more. */
  async *#contents(store: BlobStore, parts: readonly BlobRef[]): AsyncGenerator<Uint8Array, void> {
    for (const part of parts) {
      const { digest } = part;
      yield await store.readAll(digest).catch(async (error: unknown) => {
        if (!isPetrelError(error) || !mendable.has(error.code)) throw error;
        await store.delete(digest, Number.POSITIVE_INFINITY);
        await this.fetch(part);
        return store.readAll(digest);
      });
    }
  }

  #opened(): Promise<BlobStore> {
    const { folder } = this.#options;
    this.#store ??= makeFolder(folder, 0o700).then(() => BlobStore.open({ folder: join(folder, "parts") }));
    const opening = this.#store;
    opening.catch(() => {
      // Tried anew by the next one.
      if (this.#store === opening) this.#store = null;
    });
    return opening;
  }
}

function another(message: string): PetrelError {
  return new PetrelError("UPGRADE_DIGEST", `what the hub sent is not what it announced: ${message}`, {
    hint: "add the binary to the hub again",
  });
}
