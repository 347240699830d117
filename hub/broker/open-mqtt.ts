/** Opens the hub's way to its agents: the broker inside it, or a connection to one that is there already. */
import type { Clock } from "../../shared/clock.ts";
import type { ListenAddress } from "../../shared/config/listen.ts";
import type { Logger } from "../../shared/log.ts";
import type { Timers } from "../../shared/timers.ts";
import type { HubTransport, TransportEvents } from "./transport.ts";

export interface TransportOptions extends TransportEvents {
  /** `null`: the embedded broker, at `listen`. May hold a user name and a password. */
  readonly brokerUrl: string | null;
  readonly listen: ListenAddress;
  readonly dev: boolean;
  /** First levels of every topic. */
  readonly prefix: string;
  /** This hub's name to an external broker; the same after a restart. */
  readonly name: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly jitter: () => number;
  readonly logger: Logger;
}

export interface OpenTransport {
  readonly transport: HubTransport;
  /** Where agents connect to, with what they need to be let in. */
  readonly url: string;
  /** False while an external broker does not answer. */
  readonly reached: () => boolean;
}

/** Rejects with HUB_INSECURE_LISTEN, HUB_PORT_IN_USE, LINK_INSECURE, CONFIG_INVALID. */
export async function openTransport(options: TransportOptions): Promise<OpenTransport> {
  const { brokerUrl } = options;
  // Each has a library of its own to load: a hub needs one of them.
  if (brokerUrl !== null) {
    const { connectExternal } = await import("./external-mqtt.ts");
    const external = connectExternal({ ...options, url: brokerUrl });
    return { transport: external, url: brokerUrl, reached: external.reached };
  }
  const { startBroker } = await import("./broker-mqtt.ts");
  const broker = await startBroker(options);
  const url = `mqtt://${broker.address.host}:${broker.address.port}`;
  return { transport: broker, url, reached: () => true };
}
