/** Asks a hub for an identity, over a connection of its own that lasts for one answer. */
import type { Clock } from "../../shared/clock.ts";
import { errorMessage } from "../../shared/error-message.ts";
import { PetrelError } from "../../shared/errors.ts";
import {
  type EnrolAsk,
  type HubProof,
  type ProvenAnswer,
  type Prover,
  provenAnswer,
  readAnswer,
  sealEnrol,
} from "../../shared/identity/enrolment.ts";
import { silentLogger } from "../../shared/log.ts";
import { parseBrokerUrl, shownBrokerUrl } from "../../shared/mqtt/broker-url.ts";
import { BrokerConnection } from "../../shared/mqtt/connection-mqtt.ts";
import { connectionTrouble } from "../../shared/mqtt/connection-trouble.ts";
import { tlsStream } from "../../shared/mqtt/tls-mqtt.ts";
import type { Timers } from "../../shared/timers.ts";
import { enrolClientId, enrolTopic } from "../../shared/wire/topics.ts";

export interface AskHubOptions {
  /** `mqtts://HOST[:PORT]` */
  readonly url: string;
  readonly prefix: string;
  readonly ask: EnrolAsk;
  readonly prover: Prover;
  readonly proof: HubProof;
  /** 32 hexadecimal digits, fresh. */
  readonly nonce: string;
  readonly withinMs: number;
  readonly clock: Pick<Clock, "monotonic">;
  readonly timers: Timers;
  /** Nobody waits for an answer any more. */
  readonly signal?: AbortSignal;
}

/**
 * Resolves to an answer that is proven. Rejects with BROKER_UNREACHABLE, ASK_TIMEOUT, HUB_UNTRUSTED (somebody answers
 * who proves nothing), ENROL_REFUSED (the same, and says no), LINK_CLOSED (aborted).
 */
export async function askHub(options: AskHubOptions): Promise<ProvenAnswer> {
  const { url, prefix, ask, prover, proof, nonce, timers, signal } = options;
  const address = parseBrokerUrl(url, { enrolled: true });
  const where = shownBrokerUrl(url);
  if (!address.tls) {
    throw new PetrelError("LINK_INSECURE", "an identity is asked for over TLS only", {
      where,
      hint: "write mqtts://HOST:PORT",
    });
  }
  const root = proof.by === "root" ? proof.root : null;
  const clientId = enrolClientId(nonce);
  let connection: BrokerConnection | null = null;
  let cancel = () => {};
  try {
    return await new Promise<ProvenAnswer>((resolve, reject) => {
      const closed = () => reject(new PetrelError("LINK_CLOSED", "asking for an identity was ended"));
      if (signal?.aborted) return closed();
      signal?.addEventListener("abort", closed, { once: true });
      cancel = timers.after(options.withinMs, () =>
        reject(
          new PetrelError("ASK_TIMEOUT", "the hub does not answer an enrolment", {
            where,
            hint: "see that the hub runs; behind an external broker, that this is where hosts may enrol",
          }),
        ),
      );
      const made = new BrokerConnection({
        address,
        clientId,
        username: undefined,
        logger: silentLogger,
        clock: options.clock,
        timers,
        jitter: () => 0,
        stream: () => tlsStream(address, { own: null, root }),
        onOpen: () => made.subscribe([enrolTopic(prefix, nonce, "answer")]),
        onOpened: () => made.publish(enrolTopic(prefix, nonce, "ask"), sealEnrol("ask", nonce, ask, prover)),
        onClose: () => {},
        onTrouble: (reason) => {
          const { code, message } = connectionTrouble(reason, false);
          const cause = reason instanceof Error ? reason : undefined;
          const detail =
            cause === undefined || code !== "BROKER_UNREACHABLE" ? "" : ` (${errorMessage(cause)})`;
          reject(new PetrelError(code, `${message}${detail}`, { where, cause }));
        },
        onMessage: (_topic, bytes) => {
          const message = readAnswer(nonce, bytes);
          if (message === null) return;
          const proven = provenAnswer(message, proof);
          if (proven !== null) return resolve(proven);
          const { content } = message;
          // Who knows the token proves it; a hub that does not know it can only say no.
          if (content.state === "refused") {
            // Its words are anybody's: they are not printed.
            return reject(new PetrelError("ENROL_REFUSED", "the hub refuses; its log says why", { where }));
          }
          reject(
            new PetrelError("HUB_UNTRUSTED", "whoever answers does not prove to be the hub that was meant", {
              where,
              hint: "compare with `petrel hub root show` on the hub, or take a fresh token from it",
            }),
          );
        },
      });
      connection = made;
    });
  } finally {
    cancel();
    await (connection as BrokerConnection | null)?.stop();
  }
}
