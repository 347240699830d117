/** What a backup says of itself, in `manifest.json`: written last, so that a folder without it is no backup. */
import { PetrelError } from "../../shared/errors.ts";
import { checksWith } from "../../shared/validation.ts";

export interface BackupManifest {
  /** Always `petrel-backup`. */
  readonly kind: typeof backupKind;
  /** Format of the database in it. */
  readonly format: number;
  /** Of the Petrel that made it. */
  readonly version: string;
  /** The hub's name. */
  readonly hub: string;
  /** The moment it is a copy of: RFC 3339, hub time. */
  readonly made_at: string;
  readonly records: number;
  readonly blobs: number;
  /** Digests that records name and that were not there: results still on their way from an agent. */
  readonly blobs_missing: readonly string[];
  /** It has the datastore's key; absent in older ones, which have none. */
  readonly datastore_key?: boolean;
  /** Whether the folder `keys` is in it. */
  readonly fleet_keys?: boolean;
}

export const backupKind = "petrel-backup";
export const manifestName = "manifest.json";

const check = checksWith({ allErrors: true })<BackupManifest>({
  type: "object",
  required: ["kind", "format", "version", "hub", "made_at", "records", "blobs", "blobs_missing"],
  properties: {
    kind: { const: backupKind },
    format: { type: "integer", minimum: 1 },
    version: { type: "string" },
    hub: { type: "string" },
    made_at: { type: "string" },
    records: { type: "integer", minimum: 0 },
    blobs: { type: "integer", minimum: 0 },
    blobs_missing: { type: "array", items: { type: "string" } },
    datastore_key: { type: "boolean" },
    fleet_keys: { type: "boolean" },
  },
});

/** Throws BACKUP_INVALID, or STORE_FORMAT for a backup that only a newer version can read. */
export function parseManifest(text: string, where: string, newestFormat: number): BackupManifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid("its manifest is no JSON", where, cause);
  }
  if (!check(value)) {
    const wrong = (check.errors ?? []).map(
      ({ instancePath, message }) => `${instancePath || "/"} ${message}`,
    );
    throw invalid(`its manifest is not whole: ${wrong.join("; ")}`, where);
  }
  if (value.format > newestFormat) {
    throw new PetrelError(
      "STORE_FORMAT",
      `the backup has format ${value.format}, this version reads ${newestFormat}`,
      { where, hint: `restore it with Petrel ${value.version} or newer` },
    );
  }
  return value;
}

export function invalid(why: string, where: string, cause?: unknown): PetrelError {
  return new PetrelError("BACKUP_INVALID", `this is no whole backup: ${why}`, {
    where,
    hint: "name a folder that `petrel backup` has made",
    cause,
  });
}
