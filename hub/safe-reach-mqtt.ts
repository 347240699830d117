/** Where a hub's broker may be: in dev mode on this machine; otherwise anywhere, since agents prove who they are. */
import type { ListenAddress } from "../shared/config/listen.ts";
import { parseBrokerUrl } from "../shared/mqtt/broker-url.ts";
import { requireLoopback } from "./broker/listen-mqtt.ts";

export interface Reach {
  readonly dev: boolean;
  readonly mqtt: ListenAddress;
  /** `null`: the embedded broker. */
  readonly brokerUrl: string | null;
}

/** Refuses, before anything is touched, what others could reach. Throws HUB_INSECURE_LISTEN, LINK_INSECURE. */
export function requireSafeReach({ dev, mqtt, brokerUrl }: Reach): void {
  if (brokerUrl !== null) parseBrokerUrl(brokerUrl, { enrolled: !dev });
  else if (dev) requireLoopback(mqtt);
}
