/** One agent without sensors and packs: the product's own store, journal, link and connection, with the runner `noop`. */
import { hostname } from "node:os";
import { join } from "node:path";
import { Actions } from "../agent/actions/actions-process.ts";
import { defaultQueueLimits } from "../agent/actions/queue.ts";
import { noopOutcome, noopRunner } from "../agent/actions/runners/noop.ts";
import type { AgentIdentity } from "../agent/identity/identity.ts";
import { memberAuthenticator } from "../agent/identity/member-mqtt.ts";
import { type ConnectionIdentity, connectAgent } from "../agent/link/agent-mqtt.ts";
import { openAgentStore } from "../agent/store/agent-store.ts";
import { BlobStore } from "../shared/blobs/blob-fs.ts";
import { timestamp } from "../shared/clock.ts";
import { PetrelError } from "../shared/errors.ts";
import { ulidSource } from "../shared/ids.ts";
import { Link } from "../shared/link/link.ts";
import type { AppendEntry } from "../shared/link/outbox-store.ts";
import type { Outbox } from "../shared/link/ports.ts";
import type { Logger } from "../shared/log.ts";
import { systemClock, systemJitter, systemRandom, systemTimers } from "../shared/system-process.ts";
import { version } from "../shared/version.ts";
import { encode } from "../shared/wire/codec.ts";
import { type UpEntry, wireVersion } from "../shared/wire/messages.ts";

export interface SimulatedAgent {
  /** Resolves once the trigger is on disk: what a sensor would wait for. */
  trigger(trigger: string, payload: { readonly seq: number }): Promise<void>;
  /** So far: messages published and received, and batches that its database has written. */
  figures(): { readonly messages: number; readonly batches: number };
  /** Entries without a receipt, bytes sent in packets of the up ledger, and bytes of all entries there ever were. */
  link(): { readonly held: number; readonly upBytes: number; readonly upEntryBytes: number };
  stop(): Promise<void>;
}

export interface SimulatedAgentOptions {
  readonly id: string;
  readonly folder: string;
  /** `mqtt://HOST:PORT` */
  readonly hub: string;
  readonly log: Logger;
  readonly labels?: Readonly<Record<string, string>>;
  /** Of an enrolled agent; without it the link is dev mode's. */
  readonly identity?: AgentIdentity | null;
  /** The hub's receipt covers the result of the action that trigger `seq` led to. */
  readonly ended: (seq: number) => void;
}

const finals = new Set(["succeeded", "failed", "timeout", "abandoned", "canceled"]);

/** Resolves when the link runs. */
export async function startSimulatedAgent(options: SimulatedAgentOptions): Promise<SimulatedAgent> {
  const { id, folder, log, identity = null } = options;
  const authenticator = memberAuthenticator(identity);
  const time = { clock: systemClock, timers: systemTimers, jitter: systemJitter };
  const now = () => systemClock.now();
  const newId = ulidSource(systemClock, systemRandom);
  const store = await openAgentStore({ data: folder, newId, now, log });
  const { database, toSend: outbox, marks, rows } = store;

  /** By execution; then, in the order of their numbers, those whose result waits for its receipt. */
  const running = new Map<string, number>();
  const waiting: { readonly n: number; readonly seq: number }[] = [];
  const append = async (entries: readonly AppendEntry[], ops: Parameters<typeof store.outbox.append>[1]) => {
    const numbered = await store.outbox.append(entries, ops);
    for (const { n, entry } of numbered) {
      if (entry.kind !== "execution-update" || !finals.has(entry.status)) continue;
      const seq = running.get(entry.execution);
      running.delete(entry.execution);
      if (seq !== undefined) waiting.push({ n, seq });
    }
    return numbered;
  };
  const watched: Outbox<UpEntry> = {
    epochs: () => outbox.epochs(),
    passBacklog: () => outbox.passBacklog?.(),
    read: (...args) => outbox.read(...args),
    park: (...args) => outbox.park(...args),
    onAppend: (listener) => outbox.onAppend(listener),
    receipted(epoch, upTo) {
      let covered = 0;
      while ((waiting[covered]?.n ?? Number.POSITIVE_INFINITY) <= upTo) covered++;
      for (const { seq } of waiting.splice(0, covered)) options.ended(seq);
      return outbox.receipted(epoch, upTo);
    },
  };

  const nothing = () => Promise.reject(new PetrelError("PACK_MISSING", "a simulated agent has no packs"));
  const actions = new Actions({
    ...time,
    level: database.level,
    committer: database.committer,
    append,
    marks,
    rows,
    newId,
    runners: [
      {
        ...noopRunner,
        outcome(request) {
          running.set(request.execution, Number(request.parameters.seq));
          return noopOutcome(request);
        },
      },
    ],
    limits: defaultQueueLimits,
    refusing: () => null,
    onAssignments: () => {},
    onRoom: () => link?.grant(),
    log,
    packs: { ensurePack: nothing, packConfig: nothing },
    datastore: nothing,
    blobs: await BlobStore.open({ folder: join(folder, "blobs") }),
    fetchBlob: nothing,
    onOutput: () => {},
    hubNow: now,
    drainMs: 1_000,
    passPoint: () => {},
  });
  await actions.start();
  const { labels = {} } = options;
  const facts = { host: hostname(), version, platform: "bench", labels, runners: ["noop"], packs: {} };
  await append([{ ...facts, id: newId(), at: timestamp(now()), kind: "inventory" }], []);

  let receive: Link<"agent">["receive"] = () => true;
  let link: Link<"agent"> | null = null;
  let isUp = () => {};
  const up = new Promise<void>((resolve) => {
    isUp = resolve;
  });
  const connection = connectAgent({
    ...time,
    url: options.hub,
    id,
    prefix: "petrel",
    presence: (state) =>
      encode(
        "presence",
        { v: wireVersion, state, incarnation: database.incarnation, version, at: timestamp(now()) },
        authenticator,
      ),
    logger: log,
    identity: identity === null ? null : shownAs(identity),
    onConnect: () => link?.connected(),
    onDisconnect: () => link?.disconnected(),
    onMessage: (kind, bytes) => receive(kind, bytes),
  });
  let upBytes = 0;
  const made = new Link({
    ...time,
    side: "agent",
    outbox: watched,
    inbox: actions.inbox,
    transport: {
      send(kind, bytes) {
        if (kind === "up") upBytes += bytes.length;
        connection.transport.send(kind, bytes);
      },
      hasCompany: () => connection.transport.hasCompany?.() === true,
      endsAtPeer: (isSo) => connection.transport.endsAtPeer?.(isSo),
    },
    authenticator,
    incarnation: database.incarnation,
    version,
    responders: {},
    newId,
    log,
    ready: () => isUp(),
  });
  link = made;
  receive = (kind, bytes) => made.receive(kind, bytes);
  await up;
  return {
    async trigger(trigger, payload) {
      await append(
        [{ id: newId(), at: timestamp(now()), kind: "trigger", trigger, payload, sensor: null }],
        [],
      );
    },
    figures() {
      const { sent, received } = connection.stats();
      return { messages: sent + received, batches: database.committer.figures().batches };
    },
    link() {
      const { entries, bytes, keptBytes } = store.outbox.figures();
      return { held: entries, upBytes, upEntryBytes: bytes + keptBytes };
    },
    async stop() {
      await made.close();
      await connection.stop();
      await actions.stop();
      await store.close();
    },
  };
}

/** For as long as a measurement lasts no certificate has to be renewed. */
function shownAs(identity: AgentIdentity): ConnectionIdentity {
  return {
    tls: () => ({ own: identity.tls(), root: identity.root }),
    connected: () => {},
    trouble: () => {},
  };
}
