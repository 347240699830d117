/** Opens identities for a hub that is not in dev mode: its own, its agents', and who asks to become one. */
import { hostname, networkInterfaces } from "node:os";
import type { RandomBytes } from "../../shared/clock.ts";
import { isHostName } from "../../shared/config/host-name.ts";
import type { AddressShares } from "../../shared/config/hub-config.ts";
import { formatListen, type ListenAddress } from "../../shared/config/listen.ts";
import { PetrelError } from "../../shared/errors.ts";
import { publicKey } from "../../shared/identity/ed25519.ts";
import { newExchange } from "../../shared/identity/exchange.ts";
import type { Responder } from "../../shared/link/ask.ts";
import type { Logger } from "../../shared/log.ts";
import type { AgentIdentity } from "../../shared/model/identity.ts";
import { shownBrokerUrl } from "../../shared/mqtt/broker-url.ts";
import type { Timers } from "../../shared/timers.ts";
import type { Authenticator } from "../../shared/wire/authenticator.ts";
import { SessionAuthenticator } from "../../shared/wire/session-authenticator.ts";
import type { AgentRegistry } from "../agents/agent-registry.ts";
import { effectiveLabels } from "../agents/labels.ts";
import { awaited } from "../agents/presence.ts";
import type { OpenTransport, TransportOptions } from "../broker/open-mqtt.ts";
import type { Refusals } from "../broker/refusals.ts";
import type { TransportEvents } from "../broker/transport.ts";
import type { KeyBook } from "../datastore/key-book.ts";
import { hubAgentId } from "../executions/place.ts";
import type { HubIdentity } from "../identity/hub-identity.ts";
import { openHubIdentity } from "../identity/hub-identity-fs.ts";
import { type Identities, openIdentities } from "../identity/identities.ts";
import { rootSetting } from "../key-settings.ts";
import type { Store } from "../store/store.ts";
import { enrolment } from "./enrolment.ts";
import { type EnrolmentDesk, enrolmentDesk } from "./enrolment-desk.ts";
import { renewalResponder } from "./renewal.ts";

export interface OpenEnrolmentOptions {
  readonly store: Store;
  readonly registry: AgentRegistry;
  readonly keys: Pick<KeyBook, "seal" | "unseal">;
  /** The hub's data folder. */
  readonly data: string;
  /** One machine: nobody enrols. */
  readonly dev: boolean;
  /** This hub's name. */
  readonly hub: string;
  readonly prefix: string;
  readonly mqtt: ListenAddress;
  /** More names and addresses for the listeners' certificate. */
  readonly names?: readonly string[];
  readonly brokerUrl: string | null;
  /** Life of an agent's certificate; seconds. */
  readonly certificateSeconds: number;
  readonly random: RandomBytes;
  /** What one address may take. */
  readonly shares: Pick<AddressShares, "waiting">;
  readonly refusals: Refusals;
  /** Hub time in ms. */
  readonly now: () => number;
  readonly timers: Timers;
  readonly jitter: () => number;
  readonly log: Logger;
}

export interface Enrolment {
  readonly desk: EnrolmentDesk;
  readonly identity: HubIdentity;
  readonly identities: Identities;
  readonly onEnrol: NonNullable<TransportEvents["onEnrol"]>;
  readonly secure: NonNullable<TransportOptions["secure"]>;
  readonly responders: (agent: string) => Readonly<Record<string, Responder>>;
  /** For a new link to this agent. */
  readonly authenticator: (agent: string) => Authenticator;
  /** Follows removals and rotations, from when the transport is open. `greetAnew`: the links are to tell of other keys. */
  use(opened: OpenTransport, greetAnew: () => void): void;
  /** What the agent beside the hub enrols with, once and within minutes; empty when it is enrolled. */
  neighborEnv(): Promise<Readonly<Record<string, string>>>;
  close(): Promise<void>;
}

const neighborTtl = 600;

/** `null` in dev mode. IDENTITY_FILES. */
export async function openEnrolment(options: OpenEnrolmentOptions): Promise<Enrolment | null> {
  const { store, registry, dev, mqtt, brokerUrl, now, timers, log } = options;
  if (dev) {
    if ((await store.setting(rootSetting)) === null) return null;
    throw new PetrelError(
      "DEV_FLEET",
      "this hub has a fleet of enrolled agents, and --dev would let anybody be one of them",
      {
        where: options.data,
        hint: "start it without --dev, or give --dev another folder with --data",
      },
    );
  }
  const identity = await openHubIdentity({
    ...options,
    hosts: ownHosts(mqtt.host, options.names),
    certificateMs: options.certificateSeconds * 1_000,
  });
  const identities = await openIdentities(options);
  /** What a removed one left is not the new one's. */
  const enrolled = async ({ agent, labels }: AgentIdentity): Promise<void> => {
    await registry.update(agent, (known) => {
      if (known !== null && known.removed === undefined) return null;
      // It was removed again before this turn came.
      if (!identities.isActive(agent)) return null;
      const base = { ...awaited(agent, now()), rev: known?.rev ?? 0 };
      const next = { ...base, set_labels: { ...base.set_labels, ...labels }, rev: base.rev + 1 };
      return { ...next, labels: effectiveLabels(next) };
    });
  };
  let opened: OpenTransport | null = null;
  const place = () => {
    const hub = publicUrl(opened?.url ?? "", hostname());
    return { hub, enroll: brokerUrl === null ? hub : enrolUrl(hub) };
  };
  const desk = enrolmentDesk({
    ...options,
    name: options.hub,
    hub: identity,
    identities,
    seal: (text) => options.keys.seal(text),
    place,
  });
  const renew = renewalResponder({ store, hub: identity, now });
  const answer = enrolment({
    store,
    identities,
    hub: identity,
    unseal: (sealed) => options.keys.unseal(sealed),
    enrolled,
    refusals: options.refusals,
    waitingPerAddress: options.shares.waiting,
    now,
    log,
  });
  const root = publicKey(identity.root.key);
  if (root === null) throw new PetrelError("IDENTITY_FILES", "the fleet's root key is no Ed25519 key");
  const stops: (() => void)[] = [];
  return {
    desk,
    identity,
    identities,
    onEnrol: answer,
    secure: {
      embedded: { tls: identity.tls(), identities, timers },
      client: { own: identity.client(options.hub), root },
      owns: (agent) => identities.isActive(agent),
    },
    responders: (agent) => ({ "certificate.renew": renew(agent) }),
    authenticator: (agent) =>
      new SessionAuthenticator({
        agent,
        newExchange,
        identity: {
          side: "hub",
          signer: () => identity.signer(),
          agentKey: () => identities.keyOf(agent),
        },
      }),
    use(transport, greetAnew) {
      opened = transport;
      stops.push(identities.onRevoked((agent) => transport.transport.disconnect(agent)));
      stops.push(
        identity.onKeysChanged(({ tls, signer }) => {
          if (tls) transport.show(identity.tls());
          if (signer) greetAnew();
        }),
      );
    },
    async neighborEnv(): Promise<Record<string, string>> {
      if (identities.isActive(hubAgentId)) return {};
      const request = { uses: 1, ttl: neighborTtl, labels: {}, agent: hubAgentId };
      const { token } = await desk.createToken(request);
      const at = brokerUrl === null ? {} : { PETREL_ENROLL_AT: enrolUrl(brokerUrl) };
      return { PETREL_ENROLL_TOKEN: token, ...at };
    },
    async close() {
      for (const stop of stops) stop();
      await identities.close();
    },
  };
}

/** Names and addresses of this host, for clients that look at them; ours go by the root key. */
function ownHosts(listen: string, more: readonly string[] = []): readonly string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).map(({ address }) => address),
  );
  const named = ["0.0.0.0", "::"].includes(listen) ? [] : [listen];
  const hosts = [
    hostname(),
    "localhost",
    ...named,
    ...more,
    ...addresses.map((address) => address.replace(/%.*$/, "")),
  ];
  return [...new Set(hosts.filter(isHostName))];
}

/** As other hosts should write it: nobody reaches the address of all interfaces. */
export function publicUrl(url: string, host: string): string {
  const shown = shownBrokerUrl(url);
  if (shown === "") return "mqtts://HUB";
  const parsed = new URL(shown);
  const isAny = ["0.0.0.0", "[::]"].includes(parsed.hostname);
  return isAny ? `mqtts://${formatListen({ host, port: Number(parsed.port) })}` : shown;
}

/** Behind an external broker, hosts enrol on the port after the link's. */
export function enrolUrl(url: string): string {
  const { protocol, hostname: host, port } = new URL(url);
  return `${protocol}//${host}:${Number(port === "" ? 8883 : port) + 1}`;
}
