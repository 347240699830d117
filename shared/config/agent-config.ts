/** What can be set in `agent.yaml`. */
import type { Setting } from "./config.ts";
import { type LogConfig, logSettings } from "./log-settings.ts";

export interface AgentConfig {
  /** Data folder; `null`: the usual place. */
  readonly data: string | null;
  /** Where the hub's broker listens; `null`: where it enrolled. */
  readonly hub: string | null;
  /** Agent id; `null`: the host's name. */
  readonly id: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly outbox: { readonly max_mib: number };
  readonly actions: {
    /** User that actions run as; `null`: `petrel` for a root agent, else the agent's own. */
    readonly user: string | null;
    readonly run_as: readonly string[];
    readonly sudo: boolean;
    readonly concurrency: number;
    readonly max_open: number;
    /** By an action's ref or a pattern of refs. */
    readonly limits: Readonly<Record<string, number>>;
    readonly drain_seconds: number;
  };
  readonly packs: {
    readonly virtualenv: "auto" | "never";
    /** URL of a package index, or a folder with packages; `null`: what pip is configured with. */
    readonly pip_index: string | null;
  };
  readonly sensors: { readonly ready_seconds: number };
  /** Path of the policy file; `null`: the usual one, if it exists. */
  readonly policy: string | null;
  readonly log: LogConfig;
}

/** What useradd(8) takes. */
const userName = "^[a-z_][a-z0-9_.-]{0,31}$";

export const agentSettings: readonly Setting[] = [
  {
    path: "data",
    schema: { type: "string", minLength: 1 },
    default: null,
    env: "PETREL_AGENT_DATA",
    text: "Folder of the agent's database: outbox, journal, packs.",
  },
  {
    path: "hub",
    schema: { type: "string", pattern: "^mqtts?://\\S+$" },
    default: null,
    env: "PETREL_HUB",
    text: "Where the hub's broker listens: mqtts://HOST:PORT; without it where the agent enrolled, in dev mode mqtt://127.0.0.1:1883.",
  },
  {
    path: "id",
    schema: { type: "string", pattern: "^[a-z0-9][a-z0-9._-]{0,62}$" },
    default: null,
    env: "PETREL_AGENT_ID",
    text: "Name of this agent, unique in the fleet; without it the host's name.",
  },
  {
    path: "labels",
    schema: {
      type: "object",
      maxProperties: 64,
      propertyNames: { minLength: 1, maxLength: 128 },
      additionalProperties: { type: "string", maxLength: 256 },
    },
    default: {},
    env: "PETREL_AGENT_LABELS",
    text: "Labels that rules and `petrel run --labels` choose agents by, such as role: web.",
  },
  {
    path: "outbox.max_mib",
    schema: { type: "integer", minimum: 8, maximum: 65_536 },
    default: 256,
    env: "PETREL_AGENT_OUTBOX_MIB",
    text: "MiB of what waits for the hub; then sensors wait, and results and gaps have 4 MiB of it to themselves.",
  },
  {
    path: "actions.user",
    schema: { type: "string", pattern: userName },
    default: null,
    env: "PETREL_AGENT_ACTIONS_USER",
    text: "User of this host that actions run as when the agent runs as root; `root` gives them all rights.",
  },
  {
    path: "actions.run_as",
    schema: { type: "array", items: { type: "string", pattern: userName }, maxItems: 64 },
    default: [],
    env: "PETREL_AGENT_ACTIONS_RUN_AS",
    text: "Other users of this host that an action may ask for with `run_as`.",
  },
  {
    path: "actions.sudo",
    schema: { type: "boolean" },
    default: false,
    env: "PETREL_AGENT_ACTIONS_SUDO",
    text: "Whether actions with `sudo` get the rights of a root agent; without it this host's sudo decides.",
  },
  {
    path: "policy",
    schema: { type: "string", pattern: "^/" },
    default: null,
    env: "PETREL_AGENT_POLICY",
    text: "Policy file of this host, which has the last word; without it /etc/petrel/policy.yaml if that exists.",
  },
  {
    path: "packs.virtualenv",
    schema: { type: "string", enum: ["auto", "never"] },
    default: "auto",
    env: "PETREL_AGENT_VIRTUALENV",
    text: "`auto`: a pack with a requirements.txt gets a virtualenv of its own; `never`: this host's python3 has to do.",
  },
  {
    path: "packs.pip_index",
    schema: { type: "string", pattern: "^(?:(?:https?|file)://\\S+|/.*)$" },
    default: null,
    env: "PETREL_AGENT_PIP_INDEX",
    text: "Where pip finds packages: URL of an index, or a folder of wheels (/srv/wheels); without it as pip is configured.",
  },
  {
    path: "sensors.ready_seconds",
    schema: { type: "integer", minimum: 10, maximum: 86_400 },
    default: 600,
    env: "PETREL_AGENT_READY_SECONDS",
    text: "Seconds of silence after which a sensor of a new version or configuration that is not ready is given up.",
  },
  {
    path: "actions.concurrency",
    schema: { type: "integer", minimum: 1, maximum: 4_096 },
    default: 32,
    env: "PETREL_AGENT_ACTIONS_CONCURRENCY",
    text: "How many actions run at once; further ones wait.",
  },
  {
    path: "actions.max_open",
    schema: { type: "integer", minimum: 8, maximum: 100_000 },
    default: 10_000,
    env: "PETREL_AGENT_ACTIONS_MAX_OPEN",
    text: "How many requests wait and run here at most; further ones stay with the hub.",
  },
  {
    path: "actions.limits",
    schema: {
      type: "object",
      maxProperties: 256,
      propertyNames: { pattern: "^(\\*|[a-z0-9_*]+\\.\\S+)$", maxLength: 256 },
      additionalProperties: { type: "integer", minimum: 1 },
    },
    default: {},
    text: "How many at once of one action, by its ref, or of several together, by a pattern such as backup.*.",
  },
  {
    path: "actions.drain_seconds",
    schema: { type: "integer", minimum: 0, maximum: 3_600 },
    default: 4,
    env: "PETREL_AGENT_ACTIONS_DRAIN_SECONDS",
    text: "Seconds that running actions have to end by themselves when the agent stops.",
  },
  ...logSettings,
];
