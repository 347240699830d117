/** In-memory networks for links: one that carries everything, and one that loses, repeats and reorders. */
import type { LinkTransport } from "../../shared/link/ports.ts";
import type { Side, TopicKind } from "../../shared/wire/messages.ts";
import { subscribedKinds } from "../../shared/wire/topics.ts";

/** What a link offers to the network. */
export interface LinkEvents {
  connected(): void;
  disconnected(): void;
  receive(kind: TopicKind, bytes: Uint8Array): void;
}

export interface NetworkEnd {
  readonly transport: LinkTransport;
  /** From now on events go here; resolves when the end is connected. A second call replaces the first. */
  open(events: LinkEvents): Promise<void>;
}

export interface LinkNetwork {
  readonly agent: NetworkEnd;
  readonly hub: NetworkEnd;
  /** Breaks the connection; both ends notice. */
  cut(): Promise<void>;
  mend(): Promise<void>;
  close(): Promise<void>;
}

/** 0: arrives once, in order. Each figure is a probability. */
export interface Weather {
  readonly loss: number;
  readonly repeat: number;
  readonly delay: number;
}

export const fair: Weather = { loss: 0, repeat: 0, delay: 0 };

export interface MemoryNetwork extends LinkNetwork {
  weather: Weather;
  readonly up: boolean;
  /** Messages sent, by topic. */
  readonly sent: Map<TopicKind, number>;
}

/** Like a broker: a topic that both sides subscribe to gives a sender its own messages back. */
export function memoryNetwork(random: () => number = () => 1): MemoryNetwork {
  const events: Record<Side, LinkEvents | null> = { agent: null, hub: null };
  let up = true;
  let connection = 0;

  const deliver = (kind: TopicKind, bytes: Uint8Array, sentOn: number) => {
    // QoS 1 may bring a message of an earlier connection, but nothing while there is none.
    if (!up || (sentOn !== connection && random() < 0.5)) return;
    for (const side of ["agent", "hub"] as const) {
      if (subscribedKinds(side).includes(kind)) events[side]?.receive(kind, bytes);
    }
  };
  const end = (side: Side): NetworkEnd => ({
    transport: {
      send(kind, bytes) {
        if (!up || events[side] === null) return;
        network.sent.set(kind, (network.sent.get(kind) ?? 0) + 1);
        const { loss, repeat, delay } = network.weather;
        if (random() < loss) return;
        const sentOn = connection;
        const times = random() < repeat ? 2 : 1;
        for (let i = 0; i < times; i++) {
          if (random() < delay) setTimeout(() => deliver(kind, bytes, sentOn), random() * 5);
          else setImmediate(() => deliver(kind, bytes, sentOn));
        }
      },
    },
    async open(next) {
      events[side] = next;
      if (up) next.connected();
    },
  });
  const network: MemoryNetwork = {
    weather: fair,
    get up() {
      return up;
    },
    sent: new Map(),
    agent: end("agent"),
    hub: end("hub"),
    async cut() {
      up = false;
      connection++;
      for (const each of Object.values(events)) each?.disconnected();
    },
    async mend() {
      up = true;
      for (const each of Object.values(events)) each?.connected();
    },
    async close() {
      up = false;
      events.agent = null;
      events.hub = null;
    },
  };
  return network;
}
