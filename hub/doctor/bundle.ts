/** What goes into the bundle of a hub. Pure: fields are picked one by one, so that a new one is not in it by accident. */
import type { BundlePart } from "../../shared/doctor/bundle-fs.ts";
import type { Finding } from "../../shared/doctor/finding.ts";
import { findingsText } from "../../shared/doctor/findings-text.ts";
import { shownLine } from "../../shared/doctor/log-lines.ts";
import { isObject } from "../../shared/json.ts";

/** Lists of the API that are asked for, and what is taken of each record. */
export const bundleLists = [
  {
    name: "agents.json",
    about: "agents: versions, states, packs",
    path: "/v1/agents",
    fields: [
      "id",
      "host",
      "labels",
      "online",
      "incarnation",
      "version",
      "address",
      "first_seen",
      "last_seen",
      "lost",
      "skew_ms",
      "packs",
      "runners",
      "degraded",
      "policy",
      "preparing",
      "rev",
    ],
  },
  {
    name: "sensors.json",
    about: "sensors: states, without what they said",
    path: "/v1/sensors",
    fields: ["agent", "sensor", "state", "pid", "restarts", "since", "exit_code"],
  },
  {
    name: "packs.json",
    about: "packs: names and versions, without configuration",
    path: "/v1/packs",
    fields: ["ref", "version", "digest", "size", "registered_at", "assigned_to"],
  },
  {
    name: "rules.json",
    about: "rules: names and triggers, without parameters and criteria",
    path: "/v1/rules",
    fields: ["ref", "pack", "name", "enabled", "source", "updated_at", "rev"],
  },
  {
    name: "gaps.json",
    about: "the last gaps",
    path: "/v1/gaps",
    fields: ["agent", "direction", "from", "to", "reason", "recorded_at"],
  },
  {
    name: "dead-letters.json",
    about: "the last dead letters: codes, without what was in them",
    path: "/v1/dead-letters",
    fields: ["id", "agent", "received_at", "code"],
  },
  {
    name: "apikeys.json",
    about: "keys of the API: roles and ends, not the keys",
    path: "/v1/apikeys",
    fields: ["id", "role", "scopes", "enabled", "created_at", "expires_at", "last_used_at"],
  },
] as const;

/** Of each list. */
export const mostListed = 1_000;

export interface HubBundle {
  readonly findings: readonly Finding[];
  readonly version: string;
  readonly system: Readonly<Record<string, unknown>>;
  /** As `petrel config show --json --origin` has them, or why they cannot be read. */
  readonly settings: object;
  /** `null`: the hub does not answer. */
  readonly status: object | null;
  readonly figures: object | null;
  /** By the name of the part. */
  readonly lists: ReadonlyMap<string, readonly unknown[]>;
  readonly journal: readonly string[] | null;
}

export function hubBundle(bundle: HubBundle): readonly BundlePart[] {
  const { findings, version, system, settings, status, figures, lists, journal } = bundle;
  const parts: BundlePart[] = [
    { name: "findings.txt", about: "what the doctor found", content: findingsText(findings) },
    { name: "findings.json", about: "the same for programs", content: findings },
    {
      name: "versions.json",
      about: "versions, and the system that this command runs on",
      content: { petrel: version, ...system },
    },
    { name: "settings.json", about: "settings on this machine, and where each came from", content: settings },
  ];
  if (status !== null) parts.push({ name: "status.json", about: "petrel hub status", content: status });
  if (figures !== null)
    parts.push({
      name: "figures.json",
      about: "figures of the hub, and the agents furthest behind",
      content: figures,
    });
  for (const { name, about, fields } of bundleLists) {
    const items = lists.get(name);
    if (items !== undefined) parts.push({ name, about, content: items.map((item) => picked(item, fields)) });
  }
  if (journal !== null) {
    const content = journal.map((line) => `${shownLine(line)}\n`).join("");
    parts.push({ name: "journal.log", about: "the hub's last log lines", content });
  }
  return parts;
}

function picked(item: unknown, fields: readonly string[]): object {
  if (!isObject(item)) return {};
  return Object.fromEntries(fields.filter((name) => name in item).map((name) => [name, item[name]]));
}
