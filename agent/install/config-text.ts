/** The configuration that an installation writes: the example with all of its comments, and what the command line says. Pure. */
import { exampleAgentConfig } from "./example-config.ts";

export interface ConfigWishes {
  /** URL of the hub's broker; `null`: where the agent enrolled. */
  readonly hub: string | null;
  /** `null`: the host's name. */
  readonly id: string | null;
  readonly labels: Readonly<Record<string, string>>;
}

/** JSON is YAML, whatever is in the text. */
const quoted = (text: string) => JSON.stringify(text);

export function agentConfigText({ hub, id, labels }: ConfigWishes): string {
  const lines: Readonly<Record<string, string>> = {
    ...(hub !== null && { "# hub: ": `hub: ${quoted(hub)}` }),
    ...(id !== null && { "# id: ": `id: ${quoted(id)}` }),
    ...(Object.keys(labels).length > 0 && {
      "labels: {}": [
        "labels:",
        ...Object.entries(labels).map(([key, value]) => `  ${quoted(key)}: ${quoted(value)}`),
      ].join("\n"),
    }),
  };
  return exampleAgentConfig
    .split("\n")
    .map((line) => Object.entries(lines).find(([start]) => line.startsWith(start))?.[1] ?? line)
    .join("\n");
}
