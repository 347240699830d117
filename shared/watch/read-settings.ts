/** The configuration of pack `watch`, checked, with all that is wrong with it. */
import { PetrelError } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import { checksWith } from "../validation.ts";
import { settingsOf, settingsSchema, type WatchConfig, type WatchSettings } from "./settings.ts";

const validate = checksWith({ allErrors: true, allowUnionTypes: true })<WatchConfig>(settingsSchema);

/** Throws WATCH_CONFIG (naming every fault), WATCH_GLOB, WATCH_PROFILE. */
export function readSettings(config: JsonObject): WatchSettings {
  if (!validate(config)) {
    const faults = (validate.errors ?? []).map(({ instancePath, message, params }) => {
      const more = "additionalProperty" in params ? ` (${String(params.additionalProperty)})` : "";
      return `${instancePath.slice(1).replaceAll("/", ".") || "configuration"} ${message}${more}`;
    });
    throw new PetrelError("WATCH_CONFIG", `the configuration of pack watch is wrong: ${faults.join("; ")}`, {
      hint: "see docs/guides/watching.md; set it with: petrel pack config watch --set 'paths=[{path: /etc}]'",
    });
  }
  return settingsOf(config);
}
