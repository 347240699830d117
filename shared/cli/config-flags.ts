/** Command-line options as the flags of a configuration. */
import type { ConfigLayers } from "../config/config.ts";
import type { Json } from "../json.ts";

/** `options` by name, for settings by path: `{ "http.listen": "http" }` takes `--http`. */
export function flagsOf(
  options: Readonly<Record<string, unknown>>,
  names: Readonly<Record<string, string>>,
): ConfigLayers["flags"] {
  const entries = Object.entries(names).map(([path, option]) => {
    const name = `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    return [path, { name, value: options[option] as Json | undefined }] as const;
  });
  return Object.fromEntries(entries);
}
