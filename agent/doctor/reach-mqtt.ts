/** Tries the way to the hub's broker step by step: name, port, TLS with the pinned root, login. */
import { lookup } from "node:dns/promises";
import { connect, type Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { errorReport, isPetrelError } from "../../shared/errors.ts";
import { silentLogger } from "../../shared/log.ts";
import { type BrokerAddress, parseBrokerUrl, shownBrokerUrl } from "../../shared/mqtt/broker-url.ts";
import { BrokerConnection } from "../../shared/mqtt/connection-mqtt.ts";
import { connectionTrouble } from "../../shared/mqtt/connection-trouble.ts";
import { tlsStream } from "../../shared/mqtt/tls-mqtt.ts";
import { systemClock, systemTimers } from "../../shared/system-process.ts";
import type { AgentIdentity } from "../identity/identity.ts";
import type { Reach, ReachStage } from "./reach.ts";

export interface ReachOptions {
  readonly hub: string;
  /** `null`: none, or none that could be opened. */
  readonly identity: Pick<AgentIdentity, "agent" | "root" | "tls"> | null;
  /**
   * Why no login is tried; `null`: it is. One under the id of an agent that runs would end that agent's own connection.
   */
  readonly noLogin: string | null;
  /** Milliseconds for each step. */
  readonly withinMs: number;
}

/** Never rejects. A login says nothing, and so tells the hub nothing: to it, no agent has come. */
export async function reach(options: ReachOptions): Promise<Reach> {
  const { identity, noLogin, withinMs } = options;
  const hub = shownBrokerUrl(options.hub) || options.hub;
  let stage: ReachStage = "address";
  let addresses: readonly string[] = [];
  try {
    const address = parseBrokerUrl(options.hub, {
      enrolled: identity !== null || options.hub.startsWith("mqtts"),
    });
    stage = "name";
    addresses = (await timely(lookup(address.host, { all: true }), withinMs)).map((each) => each.address);
    stage = "port";
    await opened(connect({ host: address.host, port: address.port }), "connect", withinMs);
    if (!address.tls) return { hub, addresses, stage, problem: null, noLogin: null };
    stage = "tls";
    const own = identity === null ? null : identity.tls();
    const tls = tlsStream(address, { own, root: identity?.root ?? null });
    await opened(tls, "secureConnect", withinMs);
    if (identity === null || noLogin !== null) return { hub, addresses, stage, problem: null, noLogin };
    stage = "login";
    await login(address, identity, withinMs);
    return { hub, addresses, stage, problem: null, noLogin };
  } catch (error) {
    return { hub, addresses, stage, problem: problemOf(error, stage), noLogin };
  }
}

function problemOf(error: unknown, stage: ReachStage): NonNullable<Reach["problem"]> {
  if (isPetrelError(error)) return errorReport(error);
  if (stage === "tls" || stage === "login") {
    const trouble = connectionTrouble(error, true);
    if (trouble.code !== "BROKER_UNREACHABLE") return trouble;
  }
  const { code = "BROKER_UNREACHABLE", message } = error as NodeJS.ErrnoException;
  return { code: String(code), message: message ?? String(error) };
}

/** Resolves once the event has come, and what hears it has not ended the socket; closes the socket in any case. */
function opened(
  socket: Socket | TLSSocket,
  event: "connect" | "secureConnect",
  withinMs: number,
): Promise<void> {
  const done = new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.once(event, () => {
      // A server that is not the fleet's ends it at this same event, with its error.
      if (!socket.destroyed) resolve();
    });
    socket.once("close", () =>
      reject(Object.assign(new Error("it closes the connection"), { code: "ECONNRESET" })),
    );
  });
  return timely(done, withinMs).finally(() => {
    socket.on("error", () => {});
    socket.destroy();
  });
}

async function login(
  address: BrokerAddress,
  identity: Pick<AgentIdentity, "agent" | "root" | "tls">,
  withinMs: number,
): Promise<void> {
  let made: BrokerConnection | null = null;
  try {
    await timely(
      new Promise<void>((resolve, reject) => {
        made = new BrokerConnection({
          address,
          clientId: identity.agent,
          username: identity.agent,
          logger: silentLogger,
          clock: systemClock,
          timers: systemTimers,
          jitter: () => 0,
          stream: () => tlsStream(address, { own: identity.tls(), root: identity.root }),
          onOpen: async () => {},
          onOpened: resolve,
          onClose: () => {},
          onMessage: () => {},
          onTrouble: (reason) => reject(reason instanceof Error ? reason : new Error(String(reason))),
        });
      }),
      withinMs,
    );
  } finally {
    await (made as BrokerConnection | null)?.stop();
  }
}

function timely<T>(work: Promise<T>, withinMs: number): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(Object.assign(new Error(`no answer within ${withinMs / 1000} s`), { code: "ETIMEDOUT" })),
      withinMs,
    );
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
