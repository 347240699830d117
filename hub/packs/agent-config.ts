/** What agents are sent of packs' configurations: with keys of the datastore in place of the templates that name them. */
import type { TemplateKeys } from "../../shared/expressions/datastore-lookup.ts";
import type { JsonObject } from "../../shared/json.ts";
import type { LabelSelector, PackRecord } from "../../shared/model/pack.ts";
import { isDynamic, renderedConfig } from "./dynamic-config.ts";
import { configFor } from "./layers.ts";

/** For agents with these labels. May throw PACK_CONFIG. */
export type ConfigOf = (pack: PackRecord, labels: LabelSelector) => JsonObject;

export class AgentConfigs {
  readonly #keys: TemplateKeys;
  /** Names that templates have looked up, as `scope/name`: a change of any other key changes no configuration. */
  readonly #used = new Set<string>();

  /** `user`: the one whose keys `st2kv.user` names. */
  constructor(keys: TemplateKeys, user: string) {
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

  /** Throws PACK_CONFIG that names the attribute. */
  of: ConfigOf = (pack, labels) => this.rendered(pack, configFor(pack, labels));

  rendered({ pack }: Pick<PackRecord, "pack">, config: JsonObject): JsonObject {
    return isDynamic(config) ? renderedConfig(pack.config_schema, config, this.#keys) : config;
  }

  /** Whether a configuration has looked at this key; `name` as it is stored. */
  uses(scope: string, name: string): boolean {
    return this.#used.has(`${scope}/${name}`);
  }
}
