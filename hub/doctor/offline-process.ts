/** What can be said of a hub that does not answer: from its settings, its data folder, and who else is on its ports. */
import { stat } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import type { HubConfig } from "../../shared/config/hub-config.ts";
import { formatListen, type ListenAddress, parseListen } from "../../shared/config/listen.ts";
import { errorFound, type Finding, type Found, fault, note, ok } from "../../shared/doctor/finding.ts";
import { type Check, runChecks } from "../../shared/doctor/run-checks.ts";
import { storeFound } from "../../shared/doctor/store-fs.ts";
import { parseBrokerUrl, shownBrokerUrl } from "../../shared/mqtt/broker-url.ts";
import type { Timers } from "../../shared/timers.ts";
import { refuseHalfRestored } from "../backup/backup-fs.ts";
import { storeFormat } from "../store/format.ts";
import { hubHostChecks } from "./checks.ts";
import { gatherHost } from "./gather-fs.ts";
import type { HubHostFacts } from "./hub-facts.ts";

export interface OfflineCase {
  /** Absolute path of its data folder. */
  readonly data: string;
  /** The file that was read; `null`: none. */
  readonly configFile: string | null;
  readonly config: HubConfig | Error;
  /** Why nobody answered. */
  readonly silence: Error;
  /** Milliseconds by this host's clock. */
  readonly now: number;
}

/** Milliseconds that one check may take, and a connection. */
const withinMs = 20_000;
const connectMs = 4_000;

const offlineChecks: readonly Check<OfflineCase>[] = [
  [
    "hub",
    "hub",
    "",
    ({ silence, data }) => [errorFound(silence, data, "systemctl start petrel, or petrel hub")],
  ],
  ["settings", "settings", "", settingsFound],
  ["restore", "disk", "no restore was cut off", restoreFound],
  [
    "store",
    "disk",
    "",
    ({ data }) =>
      storeFound({
        folder: join(data, "store"),
        format: storeFormat,
        migrates: true,
        uid: process.getuid?.() ?? 0,
      }),
  ],
  ["ports", "hub", "nobody else has them", portsFound],
  ["broker", "hub", "", brokerFound],
];

/** Never rejects. */
export async function offlineFindings(
  of: OfflineCase,
  { timers }: { readonly timers: Timers },
): Promise<readonly Finding[]> {
  const options = { timers, withinMs };
  const own = await runChecks(offlineChecks, of, options);
  let facts: HubHostFacts;
  try {
    facts = await hostFacts(of);
  } catch (error) {
    const unseen: Check<null> = ["data-folder", "disk", "", () => Promise.reject(error)];
    return [...own, ...(await runChecks([unseen], null, options))];
  }
  return [...own, ...(await runChecks(hubHostChecks, facts, options))];
}

async function hostFacts({ data, configFile, config, now }: OfflineCase): Promise<HubHostFacts> {
  // Who has its data folder is who it runs as.
  const uid = await stat(data).then(
    (found) => found.uid,
    () => process.getuid?.() ?? 0,
  );
  const key = config instanceof Error ? null : config.http.tls.key;
  return gatherHost({ data, uid, configFile, otherSecrets: key === null ? [] : [key], hostNow: now });
}

function settingsFound({ config, configFile }: OfflineCase): readonly Found[] {
  const where = configFile ?? "no file, so the defaults";
  return [config instanceof Error ? errorFound(config, where, "mend the file") : ok("they are valid", where)];
}

async function restoreFound({ data }: OfflineCase): Promise<readonly Found[]> {
  try {
    await refuseHalfRestored(data);
    return [];
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return [errorFound(error, data, "petrel restore again, with --force")];
  }
}

async function portsFound({ config }: OfflineCase): Promise<readonly Found[]> {
  if (config instanceof Error) return [note("not known while the settings cannot be read", "ports")];
  const own = config.broker.url === null ? [config.mqtt.listen ?? "8883"] : [];
  const found = await Promise.all(
    [config.http.listen, ...own].map(async (text): Promise<readonly Found[]> => {
      const address = parseListen(text);
      if (address === null || address.port === 0) return [];
      const problem = await connected(loopbackOf(address));
      if (problem !== null) return [];
      return [
        fault(
          "another program listens there: the hub could not",
          formatListen(address),
          `ss -ltnp 'sport = :${address.port}' says which; or choose another port`,
        ),
      ];
    }),
  );
  return found.flat();
}

/** An address that means every interface is reached by this machine's own. */
const loopbackOf = ({ host, port }: ListenAddress): ListenAddress => ({
  host: host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host,
  port,
});

async function brokerFound({ config }: OfflineCase): Promise<readonly Found[]> {
  if (config instanceof Error) return [note("not known while the settings cannot be read", "broker")];
  const { url } = config.broker;
  if (url === null) return [ok("the embedded one, which is part of the hub", "broker")];
  const where = shownBrokerUrl(url);
  try {
    const problem = await connected(parseBrokerUrl(url, { enrolled: url.startsWith("mqtts") }));
    if (problem === null) return [ok("something answers", where)];
    return [
      fault(
        `the external broker does not answer: ${problem}`,
        where,
        "see that it runs, and no firewall is between",
      ),
    ];
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return [errorFound(error, where, "mend broker.url")];
  }
}

/** `null` once something has answered; else why nothing did. */
function connected({ host, port }: ListenAddress): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (problem: string | null) => {
      socket.destroy();
      resolve(problem);
    };
    socket.setTimeout(connectMs, () => end(`no answer within ${connectMs / 1000} s`));
    socket.once("connect", () => end(null));
    socket.once("error", (error) => end(error.message));
  });
}
