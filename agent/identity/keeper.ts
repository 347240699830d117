/** Keeps an enrolled agent's certificate young: asks on the link while there is one, and beside it when no broker takes the old one any more. */
import { timestamp } from "../../shared/clock.ts";
import { PetrelError } from "../../shared/errors.ts";
import { requestPem } from "../../shared/identity/certificates.ts";
import { fingerprint, publicText } from "../../shared/identity/ed25519.ts";
import type { EnrolAsk, HubProof, ProvenAnswer, Prover } from "../../shared/identity/enrolment.ts";
import { isObject, type Json, type JsonObject } from "../../shared/json.ts";
import type { Logger } from "../../shared/log.ts";
import { type ConnectionTrouble, connectionTrouble } from "../../shared/mqtt/connection-trouble.ts";
import type { TlsClient } from "../../shared/mqtt/tls-mqtt.ts";
import type { Timers } from "../../shared/timers.ts";
import { certificateAge, lookAgainMs } from "./certificate-age.ts";
import type { AgentIdentity } from "./identity.ts";

export interface KeeperOptions {
  readonly identity: AgentIdentity;
  /** Asks the hub on the link. */
  readonly ask: (op: string, args: JsonObject, withinMs: number) => Promise<Json>;
  /** Asks beside it, as who has no identity does. */
  readonly askHub: (ask: EnrolAsk, prover: Prover, proof: HubProof) => Promise<ProvenAnswer>;
  /** Ends the connection, which is then made anew with what `tls` gives. */
  readonly reconnect: () => void;
  readonly isLinked: () => boolean;
  /** The hub's time, as far as it is known; ms. */
  readonly hubNow: () => number;
  readonly host: string;
  readonly version: string;
  readonly timers: Timers;
  readonly log: Logger;
}

/** How this agent's identity is, for `petrel-agent status`. */
export interface IdentityStatus {
  readonly agent: string;
  /** Of its public key. */
  readonly fingerprint: string;
  readonly root: string;
  readonly certificate_ends: string;
  /** Why the broker does not let it in, or it refuses the hub; `null` while neither does so, or nobody answers. */
  readonly refused: { readonly code: string; readonly message: string } | null;
}

const answerWithinMs = 15_000;
const ofIdentity: ReadonlySet<ConnectionTrouble["code"]> = new Set([
  "IDENTITY_CLOCK",
  "IDENTITY_KEY",
  "IDENTITY_UNKNOWN",
]);

/** Of an agent that has seen newer keys of the hub than those it is shown. */
function refusal(identity: Pick<AgentIdentity, "outdated">): IdentityStatus["refused"] {
  const outdated = identity.outdated();
  if (outdated === null) return null;
  const { offered, seen } = outdated;
  const message = `the hub's keys (${offered}) are older than those that this agent has seen (${seen})`;
  return { code: "IDENTITY_HUB_KEYS", message };
}

export class IdentityKeeper {
  readonly #options: KeeperOptions;
  #cancel = () => {};
  #working: Promise<void> | null = null;
  #isClosed = false;
  #refused: ConnectionTrouble | null = null;
  /** What the present connection has shown. */
  #shown: string | null = null;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#lookLater();
  }

  /** For the next connection. */
  tls(): TlsClient {
    const { identity } = this.#options;
    const own = identity.tls();
    this.#shown = own.cert;
    return { own, root: identity.root };
  }

  /** The broker has let this agent in. */
  connected(): void {
    const { identity, log } = this.#options;
    this.#refused = null;
    const next = identity.next();
    if (next === null || next.pem !== this.#shown) return;
    this.#work(async () => {
      await identity.proven();
      log.info("the renewed certificate is in use", { ends: timestamp(next.notAfter) });
    });
  }

  /** A connection could not be made, or was lost. */
  trouble(reason: unknown): void {
    const { identity, hubNow, log } = this.#options;
    const trouble = connectionTrouble(reason, true);
    this.#refused = trouble.code === "BROKER_UNREACHABLE" ? null : trouble;
    if (!ofIdentity.has(trouble.code)) {
      // Not every broker says why it closes on a certificate whose time is over.
      const isOver = hubNow() >= (identity.next() ?? identity.certificate()).notAfter;
      if (isOver) this.#work(() => this.#askBeside());
      return;
    }
    const next = identity.next();
    if (next !== null && next.pem === this.#shown) {
      log.warn("a broker does not take the renewed certificate; the one before is shown again", {
        ...trouble,
      });
      this.#work(() => identity.withdrawn());
      return;
    }
    // Only a broker that judges certificates says so; a hub that knows no such agent would say the same again.
    const isJudged = reason instanceof Error && "code" in reason && typeof reason.code === "string";
    if (isJudged) this.#work(() => this.#askBeside());
  }

  /** The link is up: a good time to look. */
  linked(): void {
    this.#look();
  }

  status(): IdentityStatus {
    const { identity, isLinked } = this.#options;
    return {
      agent: identity.agent,
      fingerprint: fingerprint(publicText(identity.key)),
      root: fingerprint(publicText(identity.root)),
      certificate_ends: timestamp(identity.certificate().notAfter),
      // While the link is up the hub is trusted, whatever somebody has shown before.
      refused: this.#refused ?? (isLinked() ? null : refusal(identity)),
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancel();
    await this.#working;
  }

  #look(): void {
    const { identity, hubNow, isLinked } = this.#options;
    const age = certificateAge(identity.certificate(), hubNow());
    if (age !== "fresh" && identity.next() === null && isLinked()) this.#work(() => this.#askOnLink());
    this.#lookLater();
  }

  #lookLater(): void {
    this.#cancel();
    if (this.#isClosed) return;
    const { identity, timers } = this.#options;
    this.#cancel = timers.after(lookAgainMs(identity.certificate()), () => this.#look());
  }

  /** One thing at a time; what fails is tried again at the next occasion. */
  #work(work: () => Promise<void>): void {
    if (this.#working !== null || this.#isClosed) return;
    this.#working = work()
      .catch((error: unknown) =>
        this.#options.log.warn("this agent's certificate could not be renewed yet", { error }),
      )
      .finally(() => {
        this.#working = null;
      });
  }

  async #askOnLink(): Promise<void> {
    const { identity, ask, reconnect } = this.#options;
    const csr = requestPem(identity.agent, identity.key);
    const answer = await ask("certificate.renew", { csr }, answerWithinMs);
    const pem = isObject(answer) ? answer.certificate : null;
    if (typeof pem !== "string")
      throw new PetrelError("ENROL_INVALID", "the hub's answer holds no certificate");
    // The same one again: the hub takes it for young.
    if (pem === identity.certificate().pem) return;
    await identity.offer(pem);
    reconnect();
  }

  async #askBeside(): Promise<void> {
    const { identity, askHub, reconnect, host, version, log } = this.#options;
    const { agent, key, root } = identity;
    const csr = requestPem(agent, key);
    const ask: EnrolAsk = { v: 1, agent, key: publicText(key), csr, token: null, renew: true, host, version };
    const { answer } = await askHub(ask, { by: "key", key }, { by: "root", root });
    if (answer.state !== "enrolled" || answer.agent !== agent) {
      const why = answer.state === "refused" ? answer.message : answer.state;
      throw new PetrelError("IDENTITY_UNKNOWN", `the hub gives this agent no certificate: ${why}`);
    }
    await identity.offer(answer.certificate);
    log.info("this agent's certificate was renewed while no broker took the old one");
    // After a long outage the next attempt is a minute away: a certificate of a short life would be over by then.
    reconnect();
  }
}
