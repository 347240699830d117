/** A hub and agents behind a broker that is in somebody else's hands, and the packets that it forges. */
import { expect } from "vitest";
import { signature } from "../../shared/identity/ed25519.ts";
import { newExchange } from "../../shared/identity/exchange.ts";
import type { JsonObject } from "../../shared/json.ts";
import type { Side, TopicKind } from "../../shared/wire/messages.ts";
import { createHub, type TestHub } from "./fleet.ts";
import { type Carried, type HostileBroker, hostileBroker } from "./hostile-broker.ts";
import { keyPair } from "./link-identities.ts";
import { runPetrel } from "./run-petrel.ts";
import { tempFolder } from "./temp-folder.ts";
import { ToldFleet, type ToldWays } from "./told-fleet.ts";
import { waitUntil } from "./wait-until.ts";

export class HostileFleet extends ToldFleet {
  readonly broker: HostileBroker;
  /** How a host enrols there. */
  readonly at: readonly string[];

  constructor(hub: TestHub, broker: HostileBroker, folder: string, ways: ToldWays) {
    super(hub, folder, ways);
    this.broker = broker;
    this.at = ways.enroll ?? [];
  }
}

export interface HostilePlace {
  /** As hub and agents write it. */
  readonly host: string;
  readonly link: number;
  readonly enroll: number;
  /** Where this process listens, when that is elsewhere: sockets by path. */
  readonly sockets?: { readonly link: string; readonly enroll: string };
  readonly env?: NonNullable<ToldWays["env"]>;
  /** Environment of the hub. */
  readonly hub?: Record<string, string>;
}

/** With agents web-1 and web-2, which run the pack `told`. */
export async function hostileFleet(place: HostilePlace): Promise<HostileFleet> {
  const { host, link, enroll, sockets = { link, enroll } } = place;
  const hub = await createHub({ dev: false, broker: `mqtts://${host}:${link}` });
  await hub.start(place.hub);
  const files = await tempFolder("broker");
  const words = ["--host", host, "--out", files, "--data", hub.data];
  expect(await runPetrel(["hub", "broker-config", "mosquitto", ...words])).toMatchObject({ code: 0 });
  const broker = await hostileBroker(files, sockets);
  const fleet = new HostileFleet(hub, broker, await tempFolder("attack"), {
    enroll: ["--enroll-at", `mqtts://${host}:${enroll}`],
    ...(place.env !== undefined && { env: place.env }),
  });
  await waitUntil("the hub to reach the broker", () =>
    hub.daemon().log().includes("connected to the external broker"),
  );
  await Promise.all(["web-1", "web-2"].map((id) => fleet.join(id)));
  await fleet.getsPack();
  return fleet;
}

/** Text of a message without its proof, and the proof. */
export const parts = (bytes: Buffer): JsonObject => JSON.parse(bytes.toString("utf8")) as JsonObject;
export const sealed = (message: object, auth: unknown): string => JSON.stringify({ ...message, auth });
export const has = (text: string) => (message: Carried) => message.bytes.includes(text);
export const last = (of: readonly Carried[]): Buffer => {
  const found = of.at(-1);
  if (found === undefined) throw new Error("the broker has carried no such message");
  return found.bytes;
};
export const ulid = () =>
  `01K${Array.from({ length: 23 }, () => "0123456789ABCDEFGHJKMNPQRSTVWXYZ"[Math.floor(Math.random() * 32)]).join("")}`;

export const triggerPacket = (line: string) => ({
  v: 1,
  epoch: ulid(),
  first: 1,
  entries: [
    {
      id: ulid(),
      at: new Date().toISOString(),
      kind: "trigger",
      trigger: "told.line",
      payload: { line },
      sensor: "told.Lines",
    },
  ],
});

/** A request that has been made honestly, with another command. */
export async function requestPacket(fleet: HostileFleet, stain: string): Promise<JsonObject> {
  const line = await honestRequest(fleet);
  const packet = parts(last(fleet.broker.of("web-1", "down").filter(has(line))));
  const [entry] = packet.entries as [JsonObject];
  const runner = { ...(entry.runner_parameters as JsonObject), cmd: `touch ${fleet.stain(stain)}` };
  return {
    v: 1,
    epoch: ulid(),
    first: 1,
    entries: [{ ...entry, id: ulid(), execution: ulid(), runner_parameters: runner }],
  };
}

/** Has run, for this text to be found in what the broker carried. */
export async function honestRequest(fleet: HostileFleet, id = "web-1"): Promise<string> {
  await fleet.ask(id);
  const line = fleet.asked.at(-1) ?? "";
  await fleet.isDone(line);
  return line;
}

export async function honestTrigger(fleet: HostileFleet, id = "web-1"): Promise<string> {
  const line = fleet.tell(id);
  await fleet.isDone(line);
  return line;
}

/** As the present connection's proofs look, without their key. */
export function guessed(fleet: HostileFleet, kind: TopicKind): string {
  const [, name] = String(parts(last(fleet.broker.of("web-1", kind))).auth).split(".");
  const mac = "A".repeat(43);
  return kind === "down" ? `h.${name}.zz.${mac}.${"A".repeat(86)}` : `h.${name}.zz.${mac}`;
}

/** In place of the next message that has this text, once, comes what `change` makes of it. */
export function changeOnce(
  fleet: HostileFleet,
  kind: TopicKind,
  text: string,
  change: (bytes: Buffer) => Buffer,
): void {
  let isDone = false;
  fleet.broker.meddle((message) => {
    if (isDone || message.kind !== kind || !message.bytes.includes(text)) return "pass";
    isDone = true;
    return [change(message.bytes)];
  });
}

/** A new connection, and so new keys. */
export async function reconnected(fleet: HostileFleet, id: string): Promise<void> {
  const hellos = () =>
    fleet.broker
      .of(id, "hello")
      .filter(({ from, bytes }) => from === id && has('"marks"')({ bytes } as Carried)).length;
  const before = hellos();
  fleet.broker.cut(id);
  await waitUntil(`${id} to be linked anew`, () => hellos() > before);
  await honestTrigger(fleet, id);
}

export const forgedHello = (from: Side, key = keyPair().privateKey, more: object = {}) => {
  const { id: session } = newExchange();
  const hello = {
    v: 1,
    type: "hello",
    from,
    session,
    to: null,
    incarnation: ulid(),
    version: "0.1.0",
    capabilities: ["action-request", "assignment", "cancel", "blob", "void"],
    clock: new Date().toISOString(),
    epochs: [],
    ...more,
  };
  const unsigned = JSON.stringify(hello).slice(0, -1);
  const head = Buffer.from(`petrel 1\0${from}\0web-1\0hello\0`);
  return `${unsigned},"auth":"s.${signature(key, head, Buffer.from(unsigned))}"}`;
};

/** How often the hub has refused something of this kind to who uses its broker. */
export async function refusals(fleet: HostileFleet, reason: string): Promise<number> {
  const text = await fleet.metrics();
  return Number(
    new RegExp(`^petrel_refused_total\\{reason="${reason}"\\} (\\d+)$`, "m").exec(text)?.[1] ?? 0,
  );
}
