/** Whether a pack's configuration, with all its layers, may travel. Pure. */
import { Buffer } from "node:buffer";
import type { JsonObject } from "../../shared/json.ts";
import { selectorText } from "../../shared/labels.ts";
import type { ConfigLayer, Pack } from "../../shared/model/pack.ts";
import { effectiveConfig, overlaid } from "../../shared/packs/config.ts";
import { configProblems } from "../../shared/packs/config-problems.ts";
import type { Problem } from "../../shared/problem.ts";
import { jsonProblem } from "../../shared/wire/plain-json.ts";
import { templateProblems } from "./dynamic-config.ts";
import { ownProblems } from "./own-checks.ts";

export interface LayeredConfig {
  readonly config: JsonObject;
  readonly layers: readonly ConfigLayer[];
}

/** Bytes of what an operator configures: an assignment carries it in one entry. */
const maxConfigBytes = 96 * 1024;
const maxLayers = 1_000;

/**
 * Every problem of what all agents get, and of each layer over it. `isComplete`: what is required has to be there;
 * where layers exist it may come from them.
 */
export function layeredProblems(
  pack: Pick<Pack, "manifest" | "config_schema" | "legacy_config">,
  { config, layers }: LayeredConfig,
  isComplete: boolean,
): readonly Problem[] {
  if (layers.length > maxLayers) {
    const message = `there are ${layers.length} layers; at most ${maxLayers}`;
    return [{ code: "PACK_CONFIG", severity: "error", message, where: "config", hint: "remove some" }];
  }
  const isBaseComplete = isComplete && layers.length === 0;
  return [
    ...problemsOf(pack, config, "config", isBaseComplete),
    ...layers.flatMap((layer) =>
      problemsOf(
        pack,
        overlaid(config, layer.config),
        `config for ${selectorText(layer.labels)}`,
        isComplete,
      ),
    ),
  ];
}

function problemsOf(
  pack: Pick<Pack, "manifest" | "config_schema" | "legacy_config">,
  config: JsonObject,
  where: string,
  complete: boolean,
): readonly Problem[] {
  const effective = effectiveConfig(pack, config);
  const at = (path: readonly (string | number)[]) =>
    path.length === 0 ? where : `${where} (${path.join(".")})`;
  const problems = [
    ...assignableProblems(config, where),
    ...templateProblems(config).map(
      ([path, message]): Problem => ({
        code: "PACK_CONFIG",
        severity: "error",
        message,
        where: at(path),
        hint: 'name a datastore key: "{{ st2kv.system.NAME }}"',
      }),
    ),
    ...configProblems({
      schema: pack.config_schema,
      config: effective,
      complete,
      at,
    }),
  ];
  return problems.length > 0 ? problems : ownProblems(pack.manifest.ref, effective, where);
}

/** What would keep a configuration from ever reaching an agent. */
function assignableProblems(config: JsonObject, where: string): readonly Problem[] {
  const size = Buffer.byteLength(JSON.stringify(config));
  const message =
    jsonProblem(config) ?? (size > maxConfigBytes ? `it has ${size} bytes; at most ${maxConfigBytes}` : null);
  if (message === null) return [];
  const hint = "keep large values in files of the pack, and name them here";
  return [
    {
      severity: "error",
      code: "PACK_CONFIG",
      message: `the configuration cannot be sent: ${message}`,
      where,
      hint,
    },
  ];
}
