/** Finds weak settings in what is known of a hub. Pure: one row per check, each with its way out. */
import { formatListen, isLoopback } from "../../shared/config/listen.ts";
import { type Found, fault, note, ok, warning } from "../../shared/doctor/finding.ts";
import { secretFilesFound, settingsFileFound } from "../../shared/doctor/host-checks.ts";
import type { Check } from "../../shared/doctor/run-checks.ts";
import type { CertificateLife, HubFacts, HubHostFacts } from "./hub-facts.ts";

const dayMs = 86_400_000;
/** A certificate that ends sooner should have been renewed. */
const renewBeforeMs = 14 * dayMs;
const unusedMs = 90 * dayMs;

/** A token that is good for more, or for longer, is one that somebody finds. */
const mostUses = 100;
const longestTokenMs = 7 * dayMs;

const day = (ms: number) => new Date(ms).toISOString().slice(0, 10);

/** `renew`: how. */
function lifeFound({ where, validFrom, validTo }: CertificateLife, now: number, renew: string): Found {
  if (validTo <= now) return fault(`the certificate ended on ${day(validTo)}`, where, renew);
  if (validFrom > now) return fault(`the certificate begins on ${day(validFrom)}`, where, renew);
  if (validTo - now > renewBeforeMs) return ok(`it lasts until ${day(validTo)}`, where);
  return warning(`the certificate ends on ${day(validTo)}`, where, renew);
}

/** Of files and keys: also while the hub does not run. */
export const weakFiles: readonly Check<HubHostFacts>[] = [
  [
    "secret-files",
    "settings",
    "only the hub's account may read files with secrets",
    ({ secrets, uid }) => secretFilesFound(secrets, uid),
  ],
  [
    "config-file",
    "settings",
    "nobody else can change it",
    ({ configFile, uid }) => (configFile === null ? [] : settingsFileFound(configFile, uid)),
  ],
  [
    "fleet-certificates",
    "fleet",
    "there are none",
    ({ fleetCertificates, hostNow }) =>
      fleetCertificates.map((each) => {
        const renew = each.where.endsWith("tls.crt")
          ? `stop the hub, move ${each.where} away, and start it: it makes another`
          : "petrel hub ca rotate; agents judge keys, not dates, and brokers of others judge dates";
        return lifeFound(each, hostNow, renew);
      }),
  ],
  [
    "root-key",
    "fleet",
    "the fleet's root key is not on the hub",
    ({ hasRootKey, data }) =>
      hasRootKey
        ? [
            warning(
              "the fleet's root key is still on the hub: who takes the hub takes the fleet",
              `${data}/keys/root.key`,
              "petrel hub root export FILE, and take FILE to a place that is not connected",
            ),
          ]
        : [],
  ],
  [
    "datastore-key",
    "settings",
    "the key to the hub's secrets is there",
    ({ hasDatastoreKey, storeBytes, data }) =>
      hasDatastoreKey || storeBytes === null
        ? []
        : [
            fault(
              "the key to the hub's secrets is missing: what takes secrets is refused, and what is sealed waits",
              `${data}/datastore.key`,
              "put the one back that belongs to this hub; a backup has it",
            ),
          ],
  ],
  [
    "hub-keys",
    "fleet",
    "only the key in use counts",
    ({ hubKeys }) =>
      hubKeys.count > 1
        ? [
            note(
              `old hub keys still count (${hubKeys.count - 1}): who has one can be the hub`,
              "statement.json",
              "once all agents have been online since the rotation: petrel hub keys rotate --drop-old",
            ),
          ]
        : [],
  ],
];

export const weakSettings: readonly Check<HubFacts>[] = [
  [
    "dev-mode",
    "settings",
    "agents have to enrol",
    ({ dev }) =>
      dev
        ? [
            note(
              "dev mode: agents are not enrolled, packets are not signed, every program on this machine can be an agent",
              "--dev",
              "start the hub without --dev once agents are to be trusted",
            ),
          ]
        : [],
  ],
  [
    "http-insecure",
    "settings",
    "the network cannot read what the API answers",
    ({ http, certificate, insecure }) => {
      if (certificate === null && !isLoopback(http.host)) {
        const fix = "set http.tls.cert and http.tls.key and remove http.insecure, or listen on 127.0.0.1";
        return [
          fault("the HTTP API speaks without TLS to the network: keys can be read", formatListen(http), fix),
        ];
      }
      if (!insecure) return [];
      return [note("http.insecure is set and not needed", "http.insecure", "remove it")];
    },
  ],
  [
    "http-certificate",
    "settings",
    "the API has none, and speaks on this machine only",
    ({ certificate, hostNow }) =>
      certificate === null
        ? []
        : [lifeFound(certificate, hostNow, "renew it: changed files are taken within a minute")],
  ],
  [
    "broker-password",
    "settings",
    "it is nowhere where others could read it",
    ({ broker, configFile }) => {
      if (broker === null || !broker.hasPassword) return [];
      const fix = "give the URL in PETREL_BROKER_URL, from a file that only the hub's account may read";
      if (broker.from.startsWith("--")) {
        return [
          fault("the broker's password is on the command line, where every user sees it", broker.from, fix),
        ];
      }
      if (configFile === null || broker.from.startsWith("PETREL_")) return [];
      const isOpen = (configFile.mode & 0o044) !== 0;
      const what = `the broker's password stands in the file${isOpen ? ", which others may read" : ""}`;
      return [isOpen ? fault(what, broker.from, fix) : note(what, broker.from, fix)];
    },
  ],
  [
    "api-keys",
    "access",
    "all of them end, and are used",
    ({ keys, hubNow }) =>
      keys.flatMap((key) => {
        const where = `API key ${key.name} (${key.id})`;
        if (!key.enabled) return [];
        if (key.expires_at !== null && Date.parse(key.expires_at) <= hubNow) {
          return [note("it has expired", where, `petrel apikey delete ${key.id}`)];
        }
        const found: Found[] = [];
        if (key.expires_at === null) {
          found.push(note("it never expires", where, `petrel apikey update ${key.id} --ttl 90d`));
        }
        if (hubNow - Date.parse(key.last_used_at ?? key.created_at) > unusedMs) {
          found.push(note("nobody has used it for 90 days", where, `petrel apikey disable ${key.id}`));
        }
        return found;
      }),
  ],
  [
    "tokens",
    "access",
    "none is good for long, or for many hosts",
    ({ tokens, hubNow }) =>
      tokens
        .filter(({ uses, expires_at }) => uses > mostUses || Date.parse(expires_at) - hubNow > longestTokenMs)
        .map(({ id, uses, expires_at }) =>
          warning(
            `${uses} hosts can enrol with it until ${expires_at.slice(0, 10)}`,
            `token ${id}`,
            `petrel agent token revoke ${id}, and make shorter ones when they are needed`,
          ),
        ),
  ],
  [
    "pending-hosts",
    "access",
    "no host waits to be let in",
    ({ pending }) =>
      pending > 0
        ? [
            note(
              "they wait to be let into the fleet",
              pending === 1 ? "1 host" : `${pending} hosts`,
              "petrel agent pending, then approve or reject each",
            ),
          ]
        : [],
  ],
  [
    "webhook-keys",
    "access",
    "whoever posts has a key of its own",
    ({ webhooks, keys, hubNow }) => {
      const mayDeliver = keys.some(
        ({ enabled, role, scopes, expires_at }) =>
          enabled &&
          role !== "observer" &&
          (expires_at === null || Date.parse(expires_at) > hubNow) &&
          (scopes.length === 0 || scopes.some((scope) => /^(?:\*|webhook)(?::|$)/.test(scope))),
      );
      if (mayDeliver) return [];
      return webhooks
        .filter(({ enabled }) => enabled)
        .map(({ url }) =>
          note(
            "no key but the hub's own can post to it, and that one may do everything",
            `webhook ${url}`,
            `petrel apikey create NAME --role webhook --scope webhook:deliver:${url} --ttl 365d`,
          ),
        );
    },
  ],
];
