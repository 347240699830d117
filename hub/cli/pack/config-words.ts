/** Configuration as words of a command line: `path=value`. Pure. */
import { PetrelError } from "../../../shared/errors.ts";
import { isObject, type Json, type JsonObject } from "../../../shared/json.ts";
import { readYaml } from "../../../shared/yaml/read-yaml.ts";

/**
 * A value is JSON where it reads as JSON, a list or mapping as YAML writes them in one line (`[{path: /etc}]`), and
 * text otherwise. `null` removes the attribute.
 */
export function readSettings(words: readonly string[]): JsonObject {
  const entries = words.map((word): [string, Json] => {
    const [, name, text] = /^([^=]+)=(.*)$/s.exec(word) ?? [];
    if (name === undefined || text === undefined) {
      throw new PetrelError("CLI_USAGE", `--set '${word}' sets nothing`, {
        hint: `write --set 'sensor.directories=["/etc"]'`,
      });
    }
    return [name, readValue(name, text)];
  });
  return Object.fromEntries(entries);
}

function readValue(name: string, text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    // YAML, or text as it stands.
  }
  if (!/^\s*[[{]/.test(text) || /^\s*\{[{%]/.test(text)) return text;
  const { documents, problems } = readYaml(text, `--set ${name}`);
  const [problem] = problems.filter(({ severity }) => severity === "error");
  if (problem !== undefined) {
    throw new PetrelError("CLI_USAGE", `the value of ${name} is no list or mapping: ${problem.message}`, {
      where: problem.where,
      hint: "write lists as [a, b] and mappings as {name: value}",
    });
  }
  return (documents[0]?.value ?? null) as Json;
}

/** `a.b=1` words as nested objects, for a pack that has no configuration yet. */
export function nested(changes: JsonObject): JsonObject {
  const root: Record<string, Json> = {};
  for (const [name, value] of Object.entries(changes)) {
    const steps = name.split(".");
    const last = steps.pop() ?? name;
    let place = root;
    for (const step of steps) {
      const inner = Object.hasOwn(place, step) && isObject(place[step]) ? place[step] : {};
      place[step] = inner as Json;
      place = inner as Record<string, Json>;
    }
    place[last] = value;
  }
  return root;
}
