/** Finds weak settings in what is known of a hub. Pure: one row per check, each with its way out. */
import { formatListen, isLoopback, type ListenAddress } from "../../shared/config/listen.ts";
import type { AgentRecord } from "../../shared/model/agent.ts";
import type { ApiKeyRecord } from "../../shared/model/api-key.ts";
import type { EnrolmentToken } from "../../shared/model/identity.ts";
import type { Finding } from "./finding.ts";

/** A file or folder that only the hub's account should read. */
export interface FileFacts {
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly isFolder: boolean;
}

export interface HubFacts {
  readonly dev: boolean;
  /** Id of the hub's account. */
  readonly uid: number;
  readonly version: string;
  readonly data: string;
  readonly http: ListenAddress;
  readonly insecure: boolean;
  /** Of the certificate that the API shows; `null` without TLS. Times in ms since the epoch. */
  readonly certificate: {
    readonly where: string;
    readonly validFrom: number;
    readonly validTo: number;
  } | null;
  /** `null`: the embedded broker. */
  readonly broker: { readonly hasPassword: boolean; readonly from: string } | null;
  /** hub.yaml, where one was read. */
  readonly configFile: FileFacts | null;
  /** Those that are there of the files with secrets, and the data folder itself. */
  readonly secrets: readonly FileFacts[];
  readonly hasRootKey: boolean;
  readonly keys: readonly ApiKeyRecord[];
  readonly agents: readonly Pick<AgentRecord, "id" | "version" | "skew_ms" | "online">[];
  /** Those that a host can still enrol with. */
  readonly tokens: readonly Pick<EnrolmentToken, "id" | "uses" | "expires_at">[];
  /** Hosts that wait to be approved. */
  readonly pending: number;
  /** Keys that count as the hub's, by the root key's statement; 0 without one. */
  readonly hubKeys: number;
  readonly disk: { readonly freeBytes: number; readonly totalBytes: number } | null;
  /** Milliseconds: what the host's clock says, and the hub's, which never goes back. */
  readonly hostNow: number;
  readonly hubNow: number;
}

type Check = readonly [name: string, look: (facts: HubFacts) => readonly Omit<Finding, "check">[]];

const dayMs = 86_400_000;
/** A certificate that ends sooner should have been renewed. */
const renewBeforeMs = 14 * dayMs;
const unusedMs = 90 * dayMs;
const leastFreeBytes = 1024 ** 3;
const leastFreeShare = 0.05;
/** As in the hub's own warning. */
const skewMs = 30_000;

/** A token that is good for more, or for longer, is one that somebody finds. */
const mostUses = 100;
const longestTokenMs = 7 * dayMs;

const octal = (mode: number) => mode.toString(8).padStart(4, "0");
const day = (ms: number) => new Date(ms).toISOString().slice(0, 10);
const wrong = (what: string, where: string, fix: string) => ({ level: "wrong", what, where, fix }) as const;
const advice = (what: string, where: string, fix: string) => ({ level: "advice", what, where, fix }) as const;

const checks: readonly Check[] = [
  [
    "dev-mode",
    ({ dev }) =>
      dev
        ? [
            advice(
              "dev mode: agents are not enrolled, packets are not signed, every program on this machine can be an agent",
              "--dev",
              "start the hub without --dev once agents are to be trusted",
            ),
          ]
        : [],
  ],
  [
    "http-insecure",
    ({ http, certificate, insecure }) => {
      if (certificate === null && !isLoopback(http.host)) {
        const fix = "set http.tls.cert and http.tls.key and remove http.insecure, or listen on 127.0.0.1";
        return [
          wrong("the HTTP API speaks without TLS to the network: keys can be read", formatListen(http), fix),
        ];
      }
      if (!insecure) return [];
      return [advice("http.insecure is set and not needed", "http.insecure", "remove it")];
    },
  ],
  [
    "http-certificate",
    ({ certificate, hostNow }) => {
      if (certificate === null) return [];
      const { where, validFrom, validTo } = certificate;
      const fix = "renew it: changed files are taken within a minute";
      if (validTo <= hostNow) return [wrong(`the certificate ended on ${day(validTo)}`, where, fix)];
      if (validFrom > hostNow) return [wrong(`the certificate begins on ${day(validFrom)}`, where, fix)];
      if (validTo - hostNow > renewBeforeMs) return [];
      return [wrong(`the certificate ends on ${day(validTo)}`, where, fix)];
    },
  ],
  [
    "secret-files",
    ({ secrets, uid }) =>
      secrets.flatMap(({ path, mode, uid: owner, isFolder }) => {
        const right = isFolder ? "0700" : "0600";
        const modes =
          (mode & 0o077) === 0
            ? []
            : [wrong(`others may read or change it (mode ${octal(mode)})`, path, `chmod ${right} ${path}`)];
        const owners =
          owner === uid || owner === 0
            ? []
            : [wrong(`it belongs to uid ${owner}, not to the hub's (${uid})`, path, `chown ${uid} ${path}`)];
        return [...modes, ...owners];
      }),
  ],
  [
    "config-file",
    ({ configFile, uid }) => {
      if (configFile === null) return [];
      const { path, mode, uid: owner } = configFile;
      const found: Omit<Finding, "check">[] = [];
      if ((mode & 0o022) !== 0)
        found.push(wrong(`others may change it (mode ${octal(mode)})`, path, `chmod go-w ${path}`));
      if (owner !== uid && owner !== 0) {
        found.push(
          wrong(`it belongs to uid ${owner}, neither root nor the hub's account`, path, `chown root ${path}`),
        );
      }
      return found;
    },
  ],
  [
    "broker-password",
    ({ broker, configFile }) => {
      if (broker === null || !broker.hasPassword) return [];
      const fix = "give the URL in PETREL_BROKER_URL, from a file that only the hub's account may read";
      if (broker.from.startsWith("--")) {
        return [
          wrong("the broker's password is on the command line, where every user sees it", broker.from, fix),
        ];
      }
      if (configFile === null || broker.from.startsWith("PETREL_")) return [];
      const isOpen = (configFile.mode & 0o044) !== 0;
      const what = `the broker's password stands in the file${isOpen ? ", which others may read" : ""}`;
      return [isOpen ? wrong(what, broker.from, fix) : advice(what, broker.from, fix)];
    },
  ],
  [
    "api-keys",
    ({ keys, hubNow }) =>
      keys.flatMap((key) => {
        const where = `API key ${key.name} (${key.id})`;
        if (!key.enabled) return [];
        if (key.expires_at !== null && Date.parse(key.expires_at) <= hubNow) {
          return [advice("it has expired", where, `petrel apikey delete ${key.id}`)];
        }
        const found: Omit<Finding, "check">[] = [];
        if (key.expires_at === null) {
          found.push(advice("it never expires", where, `petrel apikey update ${key.id} --ttl 90d`));
        }
        if (hubNow - Date.parse(key.last_used_at ?? key.created_at) > unusedMs) {
          found.push(advice("nobody has used it for 90 days", where, `petrel apikey disable ${key.id}`));
        }
        return found;
      }),
  ],
  [
    "root-key",
    ({ hasRootKey, data }) =>
      hasRootKey
        ? [
            advice(
              "the fleet's root key is still on the hub: who takes the hub takes the fleet",
              `${data}/keys/root.key`,
              "petrel hub root export FILE, and take FILE to a place that is not connected",
            ),
          ]
        : [],
  ],
  [
    "hub-keys",
    ({ hubKeys }) =>
      hubKeys > 1
        ? [
            advice(
              `old hub keys still count (${hubKeys - 1}): who has one can be the hub`,
              "statement.json",
              "once all agents have been online since the rotation: petrel hub keys rotate --drop-old",
            ),
          ]
        : [],
  ],
  [
    "tokens",
    ({ tokens, hubNow }) =>
      tokens
        .filter(({ uses, expires_at }) => uses > mostUses || Date.parse(expires_at) - hubNow > longestTokenMs)
        .map(({ id, uses, expires_at }) =>
          advice(
            `${uses} hosts can enrol with it until ${expires_at.slice(0, 10)}`,
            `token ${id}`,
            `petrel agent token revoke ${id}, and make shorter ones when they are needed`,
          ),
        ),
  ],
  [
    "pending-hosts",
    ({ pending }) =>
      pending > 0
        ? [
            advice(
              "they wait to be let into the fleet",
              pending === 1 ? "1 host" : `${pending} hosts`,
              "petrel agent pending, then approve or reject each",
            ),
          ]
        : [],
  ],
  [
    "clock",
    ({ hostNow, hubNow }) =>
      hubNow - hostNow > skewMs
        ? [
            wrong(
              `the host's clock is ${Math.round((hubNow - hostNow) / 1000)} s behind what the hub has seen before`,
              "clock",
              "let a time service set it: timedatectl set-ntp true",
            ),
          ]
        : [],
  ],
  [
    "agent-clocks",
    ({ agents }) =>
      agents
        .filter(({ skew_ms, online }) => online && Math.abs(skew_ms ?? 0) > skewMs)
        .map(({ id, skew_ms }) =>
          wrong(
            `its clock differs by ${Math.round((skew_ms ?? 0) / 1000)} s`,
            `agent ${id}`,
            "let a time service set it: timedatectl set-ntp true",
          ),
        ),
  ],
  [
    "agent-versions",
    ({ agents, version }) =>
      agents
        .filter((agent) => agent.online && agent.version !== version)
        .map((agent) =>
          advice(`it runs version ${agent.version}, the hub ${version}`, `agent ${agent.id}`, "upgrade it"),
        ),
  ],
  [
    "disk",
    ({ disk, data }) => {
      if (disk === null) return [];
      const { freeBytes, totalBytes } = disk;
      if (freeBytes >= leastFreeBytes && freeBytes >= totalBytes * leastFreeShare) return [];
      const mib = Math.floor(freeBytes / 1024 ** 2);
      return [wrong(`${mib} MiB are free`, data, "make room, or cap the history with retention.max_mib")];
    },
  ],
];

/** In the order of the checks; what is wrong first. */
export function weakSettings(facts: HubFacts): readonly Finding[] {
  const all = checks.flatMap(([check, look]) => look(facts).map((found) => ({ check, ...found })));
  return [...all.filter(({ level }) => level === "wrong"), ...all.filter(({ level }) => level === "advice")];
}
