/** How databases of older formats become those of the newest. */
import type { Json, JsonObject } from "../../shared/json.ts";
import { fileChangedTrigger } from "../../shared/model/file-change.ts";
import type { TriggerInstance } from "../../shared/model/trigger.ts";
import type { Migration } from "../../shared/storage/migrate-store.ts";
import { fileChangeRows, isOpen, isUsual } from "./index-rows.ts";

/** Changes of files get rows by path, and those of changes that nobody has acknowledged. */
const indexFileChanges: Migration = {
  from: 1,
  prefixes: ["i/"],
  change: (key, value) => {
    // Looked for in the text first: nearly all records of an old database are others.
    if (!value.includes(`"${fileChangedTrigger}"`)) return [];
    const rows = fileChangeRows(JSON.parse(value) as TriggerInstance, key.slice("i/".length));
    return rows.map((row) => ({ type: "put", key: row, value: "" }) as const);
  },
};

/** A pack was assigned to one selector, `null` meaning nobody, and had one configuration for all agents. */
const layerPacks: Migration = {
  from: 2,
  prefixes: ["k/"],
  change: (key, value) => {
    const { assigned_to: before = null, ...record } = JSON.parse(value) as JsonObject;
    const assigned_to: Json = before === null ? [] : Array.isArray(before) ? before : [before];
    return [{ type: "put", key, value: JSON.stringify({ layers: [], ...record, assigned_to }) }];
  },
};

/**
 * The audit's chain begins when the database is opened; a version that does not write it must not write at all.
 *
 * A later migration that changes records of which the chain speaks (see `chain-items.ts`) makes their digests wrong: it
 * has to have the chain begin anew, and say so.
 */
const beginChain: Migration = { from: 3, change: null };

/** Secrets are sealed from here on: a version that cannot open them would send masks in their place. */
const sealSecrets: Migration = { from: 4, change: null };

/** Statuses that nearly all records have, or only for a moment, are no longer indexed. */
const dropUsualRows: Migration = {
  from: 5,
  prefixes: ["es/", "is/", "ns/"],
  change: (key) => {
    const [index, status = ""] = key.split("/", 2);
    return isUsual(status) || (index === "es" && isOpen(status)) ? [{ type: "del", key }] : [];
  },
};

/** Rows of the audit's chain are written in a form that an older version takes for forged ones; those that are there stay. */
const shortenRows: Migration = { from: 6, change: null };

export const migrations: readonly Migration[] = [
  indexFileChanges,
  layerPacks,
  beginChain,
  sealSecrets,
  dropUsualRows,
  shortenRows,
];
