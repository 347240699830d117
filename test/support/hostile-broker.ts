/**
 * An MQTT broker over TLS that is in somebody else's hands: it has its rightful certificate, lets anybody in, keeps what
 * it carries, and drops, changes, holds up and invents messages as a test says. In the test's own process.
 */
import { readFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { join } from "node:path";
import { createServer, type Server, type TlsOptions } from "node:tls";
import { Aedes, type Client } from "aedes";
import type { TopicKind } from "../../shared/wire/messages.ts";
import { agentTopic, parseTopic } from "../../shared/wire/topics.ts";
import { atEnd } from "./at-end.ts";

export const prefix = "petrel";

export interface Carried {
  readonly topic: string;
  /** `null` beside the link: enrolments. */
  readonly agent: string | null;
  readonly kind: TopicKind | null;
  /** MQTT client id of who sent it. */
  readonly from: string;
  readonly bytes: Buffer;
}

/** What becomes of a message: `pass`, or what is carried in its place (nothing: it is dropped). */
export type Meddling = (message: Carried) => "pass" | readonly Buffer[];

export interface HostileBroker {
  /** All that clients have sent, as they sent it. */
  readonly carried: readonly Carried[];
  /** Those of an agent's topic. */
  of(agent: string, kind: TopicKind): readonly Carried[];
  /** `null`: an honest broker. */
  meddle(how: Meddling | null): void;
  /** Says it to whoever listens. */
  say(topic: string, bytes: Uint8Array | string): void;
  inject(agent: string, kind: TopicKind, bytes: Uint8Array | string): void;
  /** Ends a client's connection. */
  cut(client: string): void;
  /** Until the function that it returns is called, the client is not let in. */
  ban(client: string): () => void;
}

/**
 * On ports of 127.0.0.1, or sockets by path, with the files that `petrel hub broker-config` wrote into `folder`: certificates are asked for at `link`,
 * and their dates judged; not at `enroll`. Ends with the test or, for what a file shares, with the file.
 */
export async function hostileBroker(
  folder: string,
  { link, enroll }: { readonly link: number | string; readonly enroll: number | string },
): Promise<HostileBroker> {
  const read = (name: string) => readFile(join(folder, name), "utf8");
  const tls: TlsOptions = {
    key: await read("broker.key"),
    cert: await read("broker.crt"),
    minVersion: "TLSv1.3",
  };
  const carried: Carried[] = [];
  const clients = new Map<string, Client>();
  const banned = new Set<string>();
  let how: Meddling | null = null;
  const publish = (topic: string, bytes: Uint8Array | string, retain = false) =>
    aedes.publish(
      { cmd: "publish", topic, payload: Buffer.from(bytes), qos: 1, retain, dup: false },
      () => {},
    );
  const aedes = await Aedes.createBroker({
    concurrency: 0,
    preConnect: (_client, { clientId }, done) => done(null, !banned.has(clientId)),
    authorizePublish(client, packet, done) {
      const { topic, retain } = packet;
      const message: Carried = {
        topic,
        agent: parseTopic(prefix, topic)?.agent ?? null,
        kind: parseTopic(prefix, topic)?.kind ?? null,
        from: client?.id ?? "",
        bytes: Buffer.from(packet.payload),
      };
      carried.push(message);
      const instead = how?.(message) ?? "pass";
      if (instead !== "pass") {
        // Acknowledged all the same.
        packet.topic = "nowhere";
        packet.retain = false;
        for (const bytes of instead) publish(topic, bytes, retain);
      }
      done(null);
    },
    authorizeForward: (_client, packet) => (packet.topic === "nowhere" ? null : packet),
  });
  aedes.on("client", (client) => clients.set(client.id, client));
  const ignored = () => {};
  aedes.on("clientError", ignored);
  aedes.on("connectionError", ignored);
  const sockets = new Set<Socket>();
  const listen = async (at: number | string, more: TlsOptions): Promise<Server> => {
    const server = createServer({ ...tls, ...more }, (socket) => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
      socket.on("error", ignored);
      aedes.handle(socket);
    });
    server.on("tlsClientError", ignored);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      if (typeof at === "string") server.listen(at, resolve);
      else server.listen(at, "127.0.0.1", resolve);
    });
    return server;
  };
  const servers = [
    await listen(link, { requestCert: true, rejectUnauthorized: true, ca: await read("ca.crt") }),
    await listen(enroll, {}),
  ];
  atEnd(async () => {
    const closed = servers.map((server) => new Promise((resolve) => server.close(resolve)));
    for (const socket of sockets) socket.destroy();
    await Promise.all(closed);
    await new Promise<void>((resolve) => aedes.close(() => resolve()));
  });
  const cut = (client: string) => {
    const stream = clients.get(client)?.conn;
    if (stream !== undefined) stream.destroy();
  };
  return {
    carried,
    of: (agent, kind) => carried.filter((one) => one.agent === agent && one.kind === kind),
    meddle(next) {
      how = next;
    },
    say: publish,
    inject: (agent, kind, bytes) => publish(agentTopic(prefix, agent, kind), bytes),
    cut,
    ban(client) {
      banned.add(client);
      cut(client);
      return () => void banned.delete(client);
    },
  };
}
