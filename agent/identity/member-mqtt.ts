/** Opens this host's membership in a fleet, for the agent's connection and link. */
import { hostname } from "node:os";
import type { Clock } from "../../shared/clock.ts";
import { PetrelError } from "../../shared/errors.ts";
import { newExchange } from "../../shared/identity/exchange.ts";
import type { Json, JsonObject } from "../../shared/json.ts";
import type { Logger } from "../../shared/log.ts";
import { isAgentId } from "../../shared/ref.ts";
import { systemRandom } from "../../shared/system-process.ts";
import type { Timers } from "../../shared/timers.ts";
import { version } from "../../shared/version.ts";
import { type Authenticator, devAuthenticator } from "../../shared/wire/authenticator.ts";
import { SessionAuthenticator } from "../../shared/wire/session-authenticator.ts";
import { askHub } from "./ask-mqtt.ts";
import { askPlaces, firstAnswer } from "./ask-place.ts";
import type { AgentIdentity } from "./identity.ts";
import { openIdentity, readFleetFile } from "./identity-fs.ts";
import { IdentityKeeper } from "./keeper.ts";

export interface MemberOptions {
  readonly data: string;
  /** One machine: nobody enrols. */
  readonly dev: boolean;
  /** As configured; `null`: as enrolled. */
  readonly hub: string | null;
  readonly id: string | null;
}

export interface Membership {
  /** `null` in dev mode. */
  readonly identity: AgentIdentity | null;
  readonly hub: string;
  readonly id: string;
}

const devHub = "mqtt://127.0.0.1:1883";

/** Who this agent is, and where its hub. AGENT_NOT_ENROLLED, IDENTITY_FILES, AGENT_ID, AGENT_EXISTS. */
export async function asMember<T extends MemberOptions>(options: T, log: Logger): Promise<T & Membership> {
  const { data, dev, hub, id } = options;
  if (dev && (await readFleetFile(data)) !== null) {
    throw new PetrelError(
      "DEV_FLEET",
      "this agent is enrolled, and --dev would have it obey whoever answers",
      {
        where: data,
        hint: "start it without --dev, or give --dev another folder with --data",
      },
    );
  }
  if (dev) return { ...options, identity: null, hub: hub ?? devHub, id: id ?? ownId(hostname()) };
  const identity = await openIdentity(data, log);
  if (identity === null) {
    throw new PetrelError(
      "AGENT_NOT_ENROLLED",
      "this agent has no identity, and without one no hub lets it in",
      {
        where: data,
        hint: "run `petrel agent token` on the hub, and here what it prints: petrel-agent enroll --hub mqtts://HUB --token …",
      },
    );
  }
  if (id !== null && id !== identity.agent) {
    throw new PetrelError(
      "AGENT_EXISTS",
      `this data folder is that of agent ${identity.agent}, not of ${id}`,
      {
        where: data,
        hint: "leave --id out, or choose another folder with --data",
      },
    );
  }
  return { ...options, identity, hub: hub ?? identity.hub, id: identity.agent };
}

/** A host's name as an agent id. AGENT_ID when it does not lend itself to one. */
export function ownId(host: string): string {
  const name = host.toLowerCase();
  if (isAgentId(name)) return name;
  throw new PetrelError("AGENT_ID", `this host's name '${name}' cannot be an agent id`, {
    hint: "give one with --id: letters, digits, '.', '_' and '-', at most 63",
  });
}

/** For the link of this agent. */
export function memberAuthenticator(identity: AgentIdentity | null): Authenticator {
  if (identity === null) return devAuthenticator;
  return new SessionAuthenticator({ agent: identity.agent, newExchange, identity: identity.link });
}

export interface KeepOptions {
  /** URL of the broker that it connects to. */
  readonly hub: string;
  readonly prefix: string;
  readonly ask: (op: string, args: JsonObject, withinMs: number) => Promise<Json>;
  readonly reconnect: () => void;
  readonly isLinked: () => boolean;
  readonly hubTime: { now(): number };
  readonly clock: Pick<Clock, "monotonic">;
  readonly timers: Timers;
  readonly log: Logger;
}

const answerWithinMs = 15_000;

/** `null` when there is no identity to keep. */
export function keepIdentity(identity: AgentIdentity | null, options: KeepOptions): IdentityKeeper | null {
  if (identity === null) return null;
  const { hub, prefix, hubTime, clock, timers } = options;
  return new IdentityKeeper({
    ...options,
    identity,
    hubNow: () => hubTime.now(),
    host: hostname(),
    version,
    askHub: (ask, prover, proof) =>
      firstAnswer(askPlaces(identity, hub), (url) => {
        const nonce = Buffer.from(systemRandom(16)).toString("hex");
        return askHub({
          url,
          prefix,
          ask,
          prover,
          proof,
          nonce,
          withinMs: answerWithinMs,
          clock,
          timers,
        });
      }),
  });
}
