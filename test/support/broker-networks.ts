/** Networks for the link's contract: real MQTT over real sockets, through the embedded and an external broker. */
import { connectAgent } from "../../agent/link/agent-mqtt.ts";
import { startBroker } from "../../hub/broker/broker-mqtt.ts";
import { connectExternal } from "../../hub/broker/external-mqtt.ts";
import type { HubTransport, TransportEvents } from "../../hub/broker/transport.ts";
import { silentLogger } from "../../shared/log.ts";
import { systemClock, systemJitter, systemTimers } from "../../shared/system-process.ts";
import type { LinkEvents, LinkNetwork, NetworkEnd } from "./link-network.ts";
import { startMosquitto } from "./mosquitto-process.ts";
import { quickly } from "./start-agent-connection.ts";
import { type TcpProxy, tcpProxy } from "./tcp-proxy.ts";
import { waitUntil } from "./wait-until.ts";

const agentId = "web-1";
const parts = {
  prefix: "petrel",
  logger: silentLogger,
  clock: systemClock,
  timers: systemTimers,
  jitter: systemJitter,
};

/** Passes on what the transport says to the link that is there now. */
class Listening {
  events: LinkEvents | null = null;
  connected = false;

  connect = () => {
    this.connected = true;
    this.events?.connected();
  };
  disconnect = () => {
    this.connected = false;
    this.events?.disconnected();
  };
  end(transport: NetworkEnd["transport"]): NetworkEnd {
    return {
      transport,
      open: async (events) => {
        this.events = events;
        if (this.connected) events.connected();
      },
    };
  }
}

async function network(
  hubListening: Listening,
  hub: HubTransport,
  proxies: readonly TcpProxy[],
  agentPort: number,
  closeRest: () => Promise<void>,
): Promise<LinkNetwork> {
  const agentListening = new Listening();
  const agent = connectAgent({
    ...parts,
    url: `mqtt://127.0.0.1:${agentPort}`,
    id: agentId,
    presence: (state) => Buffer.from(JSON.stringify({ v: 1, state })),
    limits: quickly,
    onConnect: agentListening.connect,
    onDisconnect: agentListening.disconnect,
    onMessage: (kind, bytes) => agentListening.events?.receive(kind, bytes),
  });
  const both = (state: boolean) => () =>
    agentListening.connected === state && hubListening.connected === state;
  await waitUntil("both ends are connected", both(true));
  return {
    agent: agentListening.end(agent.transport),
    hub: hubListening.end(hub.transport(agentId)),
    async cut() {
      for (const proxy of proxies) proxy.cut();
      await waitUntil("both ends notice", both(false));
    },
    async mend() {
      for (const proxy of proxies) proxy.mend();
      await waitUntil("both ends are connected again", both(true));
    },
    async close() {
      await agent.stop();
      await hub.stop();
      for (const proxy of proxies) await proxy.close();
      await closeRest();
    },
  };
}

function eventsOf(listening: Listening): TransportEvents {
  return {
    onConnect: listening.connect,
    onDisconnect: listening.disconnect,
    onMessage: (_agent, kind, bytes) => {
      if (kind !== "presence") listening.events?.receive(kind, bytes);
    },
  };
}

export async function embeddedNetwork(): Promise<LinkNetwork> {
  const listening = new Listening();
  const broker = await startBroker({
    ...parts,
    ...eventsOf(listening),
    dev: false,
    listen: { host: "127.0.0.1", port: 0 },
  });
  const proxy = await tcpProxy(broker.address.port);
  return network(listening, broker, [proxy], proxy.port, async () => {});
}

/** Agent and hub each have a wire of their own to the broker; a cut takes both. */
export async function mosquittoNetwork(): Promise<LinkNetwork> {
  const listening = new Listening();
  const mosquitto = await startMosquitto();
  const [agentWire, hubWire] = [await tcpProxy(mosquitto.port), await tcpProxy(mosquitto.port)];
  const hub = connectExternal({
    ...parts,
    ...eventsOf(listening),
    url: `mqtt://127.0.0.1:${hubWire.port}`,
    name: "one",
    limits: quickly,
  });
  return network(listening, hub, [agentWire, hubWire], agentWire.port, mosquitto.kill);
}
