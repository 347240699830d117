/** An embedded broker for one test, with a record of what it told the hub. */
import { onTestFinished } from "vitest";
import type { BrokerLimits } from "../../hub/broker/broker-limits.ts";
import { type EmbeddedBroker, startBroker } from "../../hub/broker/broker-mqtt.ts";
import type { TransportEvents } from "../../hub/broker/transport.ts";
import { type Logger, silentLogger } from "../../shared/log.ts";
import { systemClock } from "../../shared/system-process.ts";
import type { TopicKind } from "../../shared/wire/messages.ts";

export interface Heard {
  readonly agent: string;
  readonly kind: TopicKind;
  readonly text: string;
}

export interface TestBroker {
  readonly broker: EmbeddedBroker;
  readonly port: number;
  readonly heard: Heard[];
  /** `connect a`, `disconnect a`, `takeover a`, in order. */
  readonly events: string[];
}

export interface TestBrokerOptions {
  readonly host?: string;
  /** Of a broker that comes back. */
  readonly port?: number;
  readonly dev?: boolean;
  readonly prefix?: string;
  readonly logger?: Logger;
  readonly limits?: Partial<BrokerLimits>;
  readonly isExempt?: (host: string) => boolean;
  /** Beside the record. */
  readonly onConnect?: TransportEvents["onConnect"];
  readonly onMessage?: TransportEvents["onMessage"];
  readonly mayTakeOver?: (agent: string) => Promise<boolean>;
}

export async function testBroker(options: TestBrokerOptions = {}): Promise<TestBroker> {
  const heard: Heard[] = [];
  const events: string[] = [];
  const broker = await startBroker({
    listen: { host: options.host ?? "127.0.0.1", port: options.port ?? 0 },
    prefix: options.prefix ?? "petrel",
    dev: options.dev ?? false,
    logger: options.logger ?? silentLogger,
    clock: systemClock,
    ...(options.limits && { limits: options.limits }),
    ...(options.isExempt && { isExempt: options.isExempt }),
    onConnect: (agent, facts) => {
      events.push(`connect ${agent}`);
      options.onConnect?.(agent, facts);
    },
    onDisconnect: (agent) => void events.push(`disconnect ${agent}`),
    mayTakeOver: async (agent) => {
      events.push(`takeover ${agent}`);
      return options.mayTakeOver?.(agent) ?? true;
    },
    onMessage: (agent, kind, bytes) => {
      heard.push({ agent, kind, text: Buffer.from(bytes).toString("utf8") });
      return options.onMessage?.(agent, kind, bytes);
    },
  });
  onTestFinished(() => broker.stop());
  return { broker, port: broker.address.port, heard, events };
}
