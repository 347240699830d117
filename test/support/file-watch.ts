/** Sensor `watch.FileWatch` itself, wired as in its process, with a test in place of the agent. */
import { join } from "node:path";
import type { SensorService } from "../../agent/sensors/sensor.ts";
import { FileWatch } from "../../agent/watch/file-watch-main.ts";
import type { JsonObject } from "../../shared/json.ts";
import { atEnd } from "./at-end.ts";
import type { AgentSide } from "./watch-desk.ts";

export interface RunningFileWatch {
  readonly sensor: FileWatch;
  /** What it logged, oldest first. */
  readonly lines: readonly string[];
  close(): Promise<void>;
}

/** Not set up yet. `agentFolder`: what the agent writes; the sensor's own folder is in it. */
export function fileWatch(agentFolder: string, config: JsonObject, agent: AgentSide): RunningFileWatch {
  const lines: string[] = [];
  const line = (message: string) => void lines.push(message);
  const service: SensorService = {
    pollInterval: 1,
    logger: () => ({ debug: line, info: line, warn: line, error: line }),
    dispatch: async (trigger, payload, { set = {} } = {}) => {
      const copy = structuredClone(payload as JsonObject);
      if (trigger === "watch.baseline_anchor") agent.anchors.push(copy);
      else {
        agent.told.push({ trigger, payload: copy });
        agent.onTold(payload as JsonObject);
      }
      for (const [name, text] of Object.entries(set)) agent.notes.set(name, String(text));
      // Anchors come when they come: a gate holds what is told of changes.
      if (trigger !== "watch.baseline_anchor") await agent.gate;
      return agent.told.length;
    },
    checkpoint: () => {},
    getValue: async (name) => agent.notes.get(name) ?? null,
    setValue: async (name, value) => void agent.notes.set(name, value),
    deleteValue: async (name) => agent.notes.delete(name),
    listValues: async ({ prefix = "", limit = 100, offset = 0 } = {}) =>
      [...agent.notes]
        .filter(([name]) => name.startsWith(prefix))
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .slice(offset, offset + limit)
        .map(([name, value]) => ({ name, value })),
  };
  process.env.PETREL_SENSOR_FOLDER = join(agentFolder, "sensors/watch");
  process.env.PETREL_AGENT_FOLDER = agentFolder;
  const sensor = new FileWatch(service, { who: "off", settle_ms: 10, settle_most_ms: 50, ...config });
  let closing: Promise<void> | null = null;
  const close = () => {
    closing ??= sensor.cleanup();
    return closing;
  };
  atEnd(close);
  return { sensor, lines, close };
}
