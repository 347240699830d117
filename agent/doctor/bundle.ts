/** What goes into the bundle of an agent, and which secrets are known here by their value. Pure. */
import { agentSettings } from "../../shared/config/agent-config.ts";
import { shownSettings } from "../../shared/config/config.ts";
import type { BundlePart } from "../../shared/doctor/bundle-fs.ts";
import type { Finding } from "../../shared/doctor/finding.ts";
import { findingsText } from "../../shared/doctor/findings-text.ts";
import { shownLine } from "../../shared/doctor/log-lines.ts";
import { type AgentCase, runningOf } from "./agent-case.ts";

export interface AgentBundle {
  readonly agentCase: AgentCase;
  readonly findings: readonly Finding[];
  readonly system: Readonly<Record<string, unknown>>;
  /** Figures as Prometheus reads them; `null` while it does not run. */
  readonly metrics: string | null;
  /** Lines of the system's journal; `null` when they cannot be read. */
  readonly journal: readonly string[] | null;
}

export function agentBundle(bundle: AgentBundle): readonly BundlePart[] {
  const { agentCase, findings, system, metrics, journal } = bundle;
  const { version, data, configFile, config, fleet } = agentCase;
  const running = runningOf(agentCase);
  const parts: BundlePart[] = [
    { name: "findings.txt", about: "what the doctor found", content: findingsText(findings) },
    { name: "findings.json", about: "the same for programs", content: findings },
    {
      name: "versions.json",
      about: "versions, and the system that it runs on",
      content: {
        petrel_agent: version,
        running: running?.status.version ?? null,
        hub: running?.status.hub_version ?? null,
        ...system,
      },
    },
    {
      name: "settings.json",
      about: "settings, and where each came from",
      content:
        config instanceof Error
          ? { file: configFile, error: config.message }
          : { file: configFile, data, settings: shownSettings(agentSettings, config) },
    },
    {
      name: "identity.json",
      about: "which fleet it belongs to; no keys",
      content:
        fleet === null || fleet instanceof Error
          ? { enrolled: false, error: fleet?.message ?? null }
          : {
              enrolled: true,
              agent: fleet.agent,
              hub: fleet.hub,
              enroll: fleet.enroll,
              serial: fleet.serial,
            },
    },
  ];
  if (running !== null) {
    const { status, coverage, recent } = running;
    const sensors = status.sensors.map(({ sensor, state, pid, restarts }) => ({
      sensor,
      state,
      pid,
      restarts,
    }));
    parts.push(
      {
        name: "status.json",
        about: "petrel-agent status; of sensors without what they said",
        content: { ...status, sensors },
      },
      { name: "coverage.json", about: "petrel-agent coverage", content: coverage ?? { watches: false } },
      { name: "recent.log", about: "its last warnings and errors", content: text(recent) },
    );
  }
  if (metrics !== null) parts.push({ name: "metrics.txt", about: "its figures", content: metrics });
  if (journal !== null)
    parts.push({ name: "journal.log", about: "its last log lines", content: text(journal) });
  return parts;
}

const text = (lines: readonly string[]): string => lines.map((line) => `${shownLine(line)}\n`).join("");
