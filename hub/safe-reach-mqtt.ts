/** Until agents enrol, a hub serves one machine. */
/** What a hub may listen on and connect to: in dev mode one machine alone; otherwise agents prove who they are. */
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
export function requireOneMachine({ dev, mqtt, brokerUrl }: Reach): void {
  if (!dev) {
    throw new PetrelError(
      "HUB_INSECURE_LISTEN",
      "without enrolment of agents a hub runs on one machine only",
      { hint: "start it with --dev: loopback only, no enrolment" },
    );
  }
  if (brokerUrl === null) requireLoopback(mqtt);
  else parseBrokerUrl(brokerUrl);
export function requireSafeReach({ dev, http, mqtt, brokerUrl }: Reach): void {
  requireLoopback(http);
  if (brokerUrl !== null) parseBrokerUrl(brokerUrl, { enrolled: !dev });
  else if (dev) requireLoopback(mqtt);
}
