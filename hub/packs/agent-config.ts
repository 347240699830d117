/** What agents are sent of packs' configurations: with keys of the datastore in place of the templates that name them. */
import type { TemplateKeys } from "../../shared/expressions/datastore-lookup.ts";
import type { JsonObject } from "../../shared/json.ts";
import type { LabelSelector, PackRecord } from "../../shared/model/pack.ts";
import { openedPack } from "../secrets/sealed-pack.ts";
import type { Sealer } from "../secrets/sealer.ts";
import { isDynamic, renderedConfig } from "./dynamic-config.ts";
import { configFor } from "./layers.ts";

/** For agents with these labels. May throw PACK_CONFIG. */
export type ConfigOf = (pack: PackRecord, labels: LabelSelector) => JsonObject;

export class AgentConfigs {
  readonly #keys: TemplateKeys;
  /** Names that templates have looked up, as `scope/name`: a change of any other key changes no configuration. */
  readonly #used = new Set<string>();
  readonly #sealer: Sealer;
  /** Once per record, which is replaced whenever anything in it changes. */
  readonly #opened = new WeakMap<PackRecord, PackRecord>();

  /** `user`: the one whose keys `st2kv.user` names. `sealer` opens literal secrets. */
  constructor(keys: TemplateKeys, user: string, sealer: Sealer) {
    this.#sealer = sealer;
    const noting =
      (scope: string, prefix: string, read: TemplateKeys["system"]): TemplateKeys["system"] =>
      (name) => {
        this.#used.add(`${scope}/${prefix}${name}`);
        return read(name);
      };
    this.#keys = {
      ...keys,
      system: noting("system", "", keys.system),
      user: noting("user", `${user}:`, keys.user ?? (() => undefined)),
    };
  }

  /** Throws PACK_CONFIG that names the attribute; KEY_FILE, KEY_UNREADABLE. */
  of: ConfigOf = (pack, labels) => this.#rendered(pack, configFor(this.#open(pack), labels));

  /** Of an agent that no layer is for. */
  ofAll = (pack: PackRecord): JsonObject => this.#rendered(pack, this.#open(pack).config);

  #rendered({ pack }: PackRecord, config: JsonObject): JsonObject {
    return isDynamic(config) ? renderedConfig(pack.config_schema, config, this.#keys) : config;
  }

  #open(pack: PackRecord): PackRecord {
    if (pack.sealed === undefined) return pack;
    const before = this.#opened.get(pack);
    if (before !== undefined) return before;
    const opened = openedPack(pack, this.#sealer);
    this.#opened.set(pack, opened);
    return opened;
  }

  /** Whether a configuration has looked at this key; `name` as it is stored. */
  uses(scope: string, name: string): boolean {
    return this.#used.has(`${scope}/${name}`);
  }
}
