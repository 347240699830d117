/** Starts the HTTP API: its keys, its certificate, its port, and the file by which the command line finds it. */
import type { Clock } from "../../shared/clock.ts";
import { isLoopback } from "../../shared/config/listen.ts";
import { runChecks } from "../../shared/doctor/run-checks.ts";
import type { Logger } from "../../shared/log.ts";
import { systemClock, systemRandom } from "../../shared/system-process.ts";
import type { Timers } from "../../shared/timers.ts";
import { ApiKeys } from "../access/api-keys.ts";
import { Door } from "../access/door.ts";
import { GuessBrake } from "../access/guess-brake.ts";
import { originOf } from "../access/origin.ts";
import type { Refusals } from "../broker/refusals.ts";
import { hubChecks } from "../doctor/checks.ts";
import { type DoctorParts, gatherFacts } from "../doctor/gather-fs.ts";
import type { HubOptions } from "../hub-options.ts";
import { apiKeyOf, writeApiFile } from "./api-file-fs.ts";
import type { CertificateSource } from "./certificate.ts";
import { openCertificate } from "./certificate-fs.ts";
import { listenApi } from "./listen-http.ts";
import { requireHttpReach } from "./reach.ts";
import { type ApiOptions, createApi } from "./server-http.ts";

/** Of a doctor's check, whose facts are gathered by then. */
const checkWithinMs = 5_000;

export interface StartApiOptions extends Pick<ApiOptions, "store" | "operations" | "readBlob" | "output"> {
  readonly options: HubOptions;
  /** Shown off loopback when no certificate is configured; `null` in dev mode. */
  readonly fleet: CertificateSource | null;
  readonly laterProtocol: DoctorParts["laterProtocol"];
  /** For api.json: where agents connect to. */
  readonly mqtt: string;
  /** The hub's. */
  readonly clock: Clock;
  readonly now: () => number;
  readonly newId: () => string;
  readonly timers: Timers;
  readonly jitter: () => number;
  readonly log: Logger;
  readonly refusals: Refusals;
}

export interface RunningApi {
  readonly url: string;
  close(): Promise<void>;
}

/** Throws HUB_INSECURE_LISTEN for a hub whose API the network would read. */
export function requireReach(options: HubOptions): void {
  const { dev, http: listen, https } = options;
  // Without dev mode there is the fleet's certificate at least.
  requireHttpReach({ listen, dev, hasTls: https?.tls != null || !dev, insecure: https?.insecure === true });
}

/** As `requireReach`; CONFIG_INVALID, FILE_UNREADABLE for the certificate, HUB_PORT_IN_USE. */
export async function startApi(parts: StartApiOptions): Promise<RunningApi> {
  const { options, mqtt, store, operations, clock, now, newId, timers, jitter, log, refusals } = parts;
  requireReach(options);
  const localKey = await apiKeyOf(options.data, systemRandom);
  const files = options.https?.tls ?? null;
  const fromFiles = files === null ? null : await openCertificate(files, { timers, log });
  const isPlain = isLoopback(options.http.host) || options.https?.insecure === true;
  const tls = fromFiles ?? (isPlain ? null : parts.fleet);
  const keys = await ApiKeys.open({ store, localKey, now, newId, random: systemRandom, timers, jitter, log });
  const doctor = {
    options,
    certificate: tls,
    keys: () => keys.all(),
    store,
    operations,
    laterProtocol: parts.laterProtocol,
    hostNow: () => systemClock.now(),
    hubNow: now,
  };
  const api = createApi({
    ...parts,
    gate: { keys, brake: new GuessBrake(), clock, newId },
    doctor: async () => runChecks(hubChecks, await gatherFacts(doctor), { timers, withinMs: checkWithinMs }),
    logger: log,
    tls,
    guard: {
      door: new Door({ perAddress: options.shares.http, isExempt: isLoopback }),
      onRefused: (address, why) => {
        const of = why === "share" ? "its address" : "all";
        refusals.note("http", originOf(address), "refused: as many connections to the API as may are open", {
          of,
        });
      },
    },
  });
  const close = async () => {
    fromFiles?.close();
    await api.close();
    await keys.close();
  };
  try {
    const url = await listenApi(api, options.http, { isSecure: tls !== null });
    const write = () => {
      const certificate = tls?.current().cert;
      const known = certificate === undefined ? {} : { certificate };
      return writeApiFile(options.data, { url, key: localKey, mqtt, pid: process.pid, ...known });
    };
    tls?.subscribe(() => {
      write().catch((error: unknown) => log.error("api.json cannot be written", { error }));
    });
    await write();
    if (tls === null && !isLoopback(options.http.host)) {
      log.warn("http.insecure: the network can read the keys of the API and all it answers", { http: url });
    }
    return { url, close };
  } catch (error) {
    await close();
    throw error;
  }
}
