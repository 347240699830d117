/** Opens the hub's way to its agents: the broker inside it, or a connection to one that is there already. */
import type { Clock } from "../../shared/clock.ts";
import type { AddressShares } from "../../shared/config/hub-config.ts";
import { formatListen, type ListenAddress } from "../../shared/config/listen.ts";
import type { Logger } from "../../shared/log.ts";
import type { TlsClient } from "../../shared/mqtt/tls-mqtt.ts";
import type { Timers } from "../../shared/timers.ts";
import type { SecureBroker } from "./broker-mqtt.ts";
import type { TlsSettings } from "./listen-mqtt.ts";
import type { Refusals } from "./refusals.ts";
import type { HubTransport, TransportEvents } from "./transport.ts";

export interface TransportOptions extends TransportEvents {
  /** `null`: the embedded broker, at `listen`. May hold a user name and a password. */
  readonly brokerUrl: string | null;
  readonly listen: ListenAddress;
  readonly dev: boolean;
  /** Absent in dev mode. */
  readonly secure?: {
    readonly embedded: SecureBroker;
    /** As a client of an external broker. */
    readonly client: TlsClient;
    /** Which agents may be heard. */
    readonly owns: (agent: string) => boolean;
  };
  /** First levels of every topic. */
  readonly prefix: string;
  /** This hub's name to an external broker; the same after a restart. */
  readonly name: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly jitter: () => number;
  readonly logger: Logger;
  readonly refusals: Refusals;
  /** What one address may take of the embedded broker. */
  readonly shares: AddressShares;
}

export interface OpenTransport {
  readonly transport: HubTransport;
  /** Where agents connect to, with what they need to be let in. */
  readonly url: string;
  /** False while an external broker does not answer. */
  readonly reached: () => boolean;
  /** The listener shows this certificate from now on. */
  readonly show: (tls: TlsSettings) => void;
}

/** Rejects with HUB_INSECURE_LISTEN, HUB_PORT_IN_USE, LINK_INSECURE, CONFIG_INVALID. */
export async function openTransport(options: TransportOptions): Promise<OpenTransport> {
  const { brokerUrl, secure } = options;
  // Each has a library of its own to load: a hub needs one of them.
  if (brokerUrl !== null) {
    const { connectExternal } = await import("./external-mqtt.ts");
    const external = connectExternal({
      ...options,
      url: brokerUrl,
      ...(secure !== undefined && { tls: secure.client, owns: secure.owns }),
    });
    return { transport: external, url: brokerUrl, reached: external.reached, show: () => {} };
  }
  const { startBroker } = await import("./broker-mqtt.ts");
  const { strangers: strangersPerAddress, enrolments: enrolmentsPerAddress } = options.shares;
  const limits = { strangersPerAddress, enrolmentsPerAddress };
  const broker = await startBroker({ ...options, limits, secure: secure?.embedded ?? null });
  const { host, port } = broker.address;
  const url = `${secure === undefined ? "mqtt" : "mqtts"}://${formatListen({ host, port })}`;
  return { transport: broker, url, reached: () => true, show: broker.show };
}
