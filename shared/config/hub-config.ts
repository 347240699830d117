/** What can be set in `hub.yaml`. */
import { shownBrokerUrl } from "../mqtt/broker-url.ts";
import type { CatchUp } from "../schedules/missed.ts";
import type { Setting } from "./config.ts";
import { type LogConfig, logSettings } from "./log-settings.ts";

/** What one address may take of what there is for all: one IPv4 address, or one /64 of IPv6. */
export interface AddressShares {
  /** Connections to the embedded broker that are not let in yet. */
  readonly strangers: number;
  /** Hosts that enrol at the same time. */
  readonly enrolments: number;
  /** Hosts that wait to be approved. */
  readonly waiting: number;
  /** Connections to the HTTP API. */
  readonly http: number;
}

/** A site behind one address must get in again after a cut; a dozen such addresses must not be all there is room for. */
export const defaultShares: AddressShares = { strangers: 256, enrolments: 16, waiting: 100, http: 128 };

export interface HubConfig {
  /** Data folder; `null`: the usual place. */
  readonly data: string | null;
  /** Beside those of its host. */
  readonly names: readonly string[];
  /** `PORT` or `HOST:PORT`. */
  readonly http: {
    readonly listen: string;
    /** PEM files; both or none. */
    readonly tls: { readonly cert: string | null; readonly key: string | null };
    readonly insecure: boolean;
  };
  /** `null`: loopback in dev mode, else all interfaces. */
  readonly mqtt: { readonly listen: string | null };
  /** `null`: the embedded broker. */
  readonly broker: { readonly url: string | null };
  readonly retention: {
    readonly days: number;
    readonly max_instances: number;
    /** `null`: no cap. */
    readonly max_mib: number | null;
  };
  readonly agents: { readonly lost_after: number; readonly certificate_days: number };
  readonly per_address: AddressShares;
  readonly rules: { readonly loop_depth: number };
  readonly timers: { readonly catch_up: CatchUp };
  readonly log: LogConfig;
}

/** `PORT`, `HOST:PORT` or `[IPV6]:PORT`: what `parseListen` reads. */
const listen = { type: "string", pattern: "^(\\[[0-9a-fA-F:.]+\\]:|[^\\s:/\\[\\]]+:)?[0-9]{1,5}$" } as const;

export const hubSettings: readonly Setting[] = [
  {
    path: "data",
    schema: { type: "string", minLength: 1 },
    default: null,
    env: "PETREL_DATA",
    text: "Folder of the hub's database and of api.json.",
  },
  {
    path: "names",
    schema: { type: "array", items: { type: "string", format: "host" }, maxItems: 64 },
    default: [],
    env: "PETREL_NAMES",
    text: "More names and addresses that clients reach this hub by, for the fleet's certificate of its listeners.",
  },
  {
    path: "http.listen",
    schema: listen,
    default: "127.0.0.1:7480",
    env: "PETREL_HTTP",
    text: "PORT or HOST:PORT of the HTTP API; off loopback with TLS only. 0 takes any free port.",
  },
  {
    path: "http.tls.cert",
    schema: { type: "string", minLength: 1 },
    default: null,
    env: "PETREL_HTTP_TLS_CERT",
    text: "PEM file with the API's certificate, its chain behind it. A changed one is taken within a minute.",
  },
  {
    path: "http.tls.key",
    schema: { type: "string", minLength: 1 },
    default: null,
    env: "PETREL_HTTP_TLS_KEY",
    text: "PEM file with its private key, without a password.",
  },
  {
    path: "http.insecure",
    schema: { type: "boolean" },
    default: false,
    env: "PETREL_HTTP_INSECURE",
    text: "true lets the API listen off loopback without TLS: the network can read its keys and answers.",
  },
  {
    path: "mqtt.listen",
    schema: listen,
    default: null,
    env: "PETREL_MQTT",
    text: "PORT or HOST:PORT of the embedded MQTT broker; 0.0.0.0:8883, in dev mode 127.0.0.1:1883. 0 takes any free port.",
  },
  {
    path: "broker.url",
    schema: { type: "string", pattern: "^mqtts?://\\S+$" },
    default: null,
    env: "PETREL_BROKER_URL",
    shown: shownBrokerUrl,
    text: "An MQTT broker to use in place of the embedded one, such as mqtt://127.0.0.1:1883.",
  },
  {
    path: "retention.days",
    schema: { type: "integer", minimum: 1, maximum: 36_500 },
    default: 90,
    env: "PETREL_RETENTION_DAYS",
    text: "Days that trigger instances, enforcements and ended executions are kept.",
  },
  {
    path: "retention.max_instances",
    schema: { type: "integer", minimum: 1000 },
    default: 5_000_000,
    env: "PETREL_RETENTION_MAX_INSTANCES",
    text: "Trigger instances that are kept at most; the oldest go first.",
  },
  {
    path: "retention.max_mib",
    schema: { type: "integer", minimum: 16 },
    default: null,
    env: "PETREL_RETENTION_MAX_MIB",
    text: "MiB that history may take on disk, large results included; the oldest goes first, whatever its age.",
  },
  {
    path: "agents.lost_after",
    schema: { type: "integer", minimum: 1, maximum: 86_400 * 30 },
    default: 120,
    env: "PETREL_AGENTS_LOST_AFTER",
    text: "Seconds an agent may be away before the trigger petrel.agent_lost tells of it.",
  },
  {
    path: "agents.certificate_days",
    schema: { type: "integer", minimum: 1, maximum: 3_650 },
    default: 30,
    env: "PETREL_AGENTS_CERTIFICATE_DAYS",
    text: "Days that an agent's certificate lives; renewed at two thirds of it while the agent is there.",
  },
  {
    path: "per_address.strangers",
    schema: { type: "integer", minimum: 1, maximum: 100_000 },
    default: defaultShares.strangers,
    env: "PETREL_PER_ADDRESS_STRANGERS",
    text: "Connections of one address (IPv6: /64) to the embedded broker that have not proven who they are yet.",
  },
  {
    path: "per_address.enrolments",
    schema: { type: "integer", minimum: 1, maximum: 64 },
    default: defaultShares.enrolments,
    env: "PETREL_PER_ADDRESS_ENROLMENTS",
    text: "Hosts of one address that enrol at the same time, of 64 in all.",
  },
  {
    path: "per_address.waiting",
    schema: { type: "integer", minimum: 1, maximum: 1_000 },
    default: defaultShares.waiting,
    env: "PETREL_PER_ADDRESS_WAITING",
    text: "Hosts of one address that wait to be approved, of 1,000 in all.",
  },
  {
    path: "per_address.http",
    schema: { type: "integer", minimum: 1, maximum: 1_024 },
    default: defaultShares.http,
    env: "PETREL_PER_ADDRESS_HTTP",
    text: "Connections of one address to the HTTP API, of 1,024 in all.",
  },
  {
    path: "rules.loop_depth",
    schema: { type: "integer", minimum: 1, maximum: 100 },
    default: 8,
    env: "PETREL_RULES_LOOP_DEPTH",
    text: "Rules that may act one after the other, each on what the one before led to; a longer chain is stopped.",
  },
  {
    path: "timers.catch_up",
    schema: { type: "string", enum: ["none", "last", "all"] },
    default: "last",
    env: "PETREL_TIMERS_CATCH_UP",
    text: "What timers make up for that passed while no hub ran: none, the last time of each, or all (100 at most).",
  },
  ...logSettings,
];
