/** Literal secrets in what operators configure for packs: encrypted in the pack's record. Pure. */
import type { JsonObject } from "../../shared/json.ts";
import type { PackRecord } from "../../shared/model/pack.ts";
import { isDynamic } from "../packs/dynamic-config.ts";
import { type Divided, divideConfig, namesSecret, type Taken } from "./mask.ts";
import type { Sealer } from "./sealer.ts";
import { united } from "./united.ts";

/** What was taken out of the layer for all agents, and out of the others in their order. */
interface PackSecrets {
  readonly config: Taken;
  readonly layers: readonly Taken[];
}

const placeOf = (ref: string) => `pack/${ref}/config`;

/**
 * The record as it is stored. One whose secrets could not be opened (`sealed` is there) stays as it is. Throws KEY_FILE.
 */
export function sealedPack(record: PackRecord, sealer: Sealer): PackRecord {
  const schema = record.pack.config_schema;
  if (record.sealed !== undefined || !namesSecret(schema)) return record;
  const whole = divideConfig(schema, record.config);
  const layers = record.layers.map(({ config }) => divideConfig(schema, config));
  if ([whole, ...layers].every(({ taken }) => taken.length === 0)) return record;
  const secrets: PackSecrets = { config: whole.taken, layers: layers.map(({ taken }) => taken) };
  return {
    ...record,
    config: whole.shown,
    layers: record.layers.map((layer, at) => ({ ...layer, config: shownOf(layers[at], layer.config) })),
    sealed: sealer.seal(placeOf(record.ref), JSON.stringify(secrets)),
  };
}

const shownOf = (divided: Divided<JsonObject> | undefined, config: JsonObject) => divided?.shown ?? config;

/** The record as its agents need it. Throws KEY_FILE, KEY_UNREADABLE. */
export function openedPack(record: PackRecord, sealer: Sealer): PackRecord {
  const { sealed, ...rest } = record;
  if (sealed === undefined) return record;
  const secrets = JSON.parse(sealer.open(placeOf(record.ref), sealed)) as PackSecrets;
  return {
    ...rest,
    config: united({ shown: record.config, taken: secrets.config }),
    layers: record.layers.map((layer, at) => ({
      ...layer,
      config: united({ shown: layer.config, taken: secrets.layers[at] ?? [] }),
    })),
  };
}

/** Whether an agent's configuration of this pack may hold secrets: literal ones, or keys of the datastore. */
export function mayHoldSecrets({ pack, config, layers }: PackRecord, rendered: JsonObject): boolean {
  if (Object.keys(rendered).length === 0) return false;
  return (
    namesSecret(pack.config_schema) || isDynamic(config) || layers.some((layer) => isDynamic(layer.config))
  );
}
