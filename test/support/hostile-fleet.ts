/** A hub and agents behind a broker that is in somebody else's hands, and the packets that it forges. */
import { createSecretKey } from "node:crypto";
import { expect } from "vitest";
import { signature } from "../../shared/identity/ed25519.ts";
import { newExchange } from "../../shared/identity/exchange.ts";
import type { JsonObject } from "../../shared/json.ts";
import { enclose, isEnvelope, keysNamed } from "../../shared/wire/envelope.ts";
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

/** A request as the hub makes them, with a command of the broker's. */
export async function requestPacket(fleet: HostileFleet, stain: string): Promise<JsonObject> {
  await honestRequest(fleet);
  const { digest } = await fleet.hub.api<{ digest: string }>("GET", "/v1/packs/core");
  const entry = {
    id: ulid(),
    at: new Date().toISOString(),
    kind: "action-request",
    execution: ulid(),
    action: "core.local",
    runner: "local-shell-cmd",
    pack: "core",
    pack_digest: digest,
    entry_point: "",
    runner_parameters: { cmd: `touch ${fleet.stain(stain)}`, timeout: 60 },
    parameters: {},
    timeout: 60,
    idempotent: false,
    expires_at: null,
    user: "test",
    rule: null,
    trigger_instance: null,
  };
  return { v: 1, epoch: ulid(), first: 1, entries: [entry] };
}

/** The largest message of this kind that the broker carried for the agent while `work` was done. */
async function carriedFor(
  fleet: HostileFleet,
  id: string,
  kind: TopicKind,
  work: () => Promise<unknown>,
): Promise<Buffer> {
  const before = fleet.broker.of(id, kind).length;
  await work();
  const carried = fleet.broker.of(id, kind).slice(before);
  return last(carried.toSorted((a, b) => a.bytes.length - b.bytes.length));
}

/** Has run; the packet that brought it. */
export function honestRequest(fleet: HostileFleet, id = "web-1"): Promise<Buffer> {
  return carriedFor(fleet, id, "down", async () => {
    await fleet.ask(id);
    await fleet.isDone(fleet.asked.at(-1) ?? "");
  });
}

export function honestTrigger(fleet: HostileFleet, id = "web-1"): Promise<Buffer> {
  return carriedFor(fleet, id, "up", () => fleet.isDone(fleet.tell(id)));
}

/** A message with proofs as the present connection's look, without its keys: an HMAC of old, and an envelope. */
export function guesses(
  fleet: HostileFleet,
  kind: TopicKind,
  message: object,
): readonly (string | Uint8Array)[] {
  // Whoever says what is of this kind has said one in this session.
  const id = keysNamed(last(fleet.broker.of("web-1", kind).filter(({ bytes }) => isEnvelope(bytes))));
  const side = kind === "down" || kind === "up-receipt" ? "hub" : "agent";
  const mac = `h.${id}.zz.${"A".repeat(43)}`;
  const proof = kind === "down" ? `${mac}.${"A".repeat(86)}` : mac;
  const text = sealed(message, kind === "down" ? `s.${"A".repeat(86)}` : null);
  const head = Buffer.from(`petrel 1\0${side}\0web-1\0${kind}\0`);
  const key = { side, key: createSecretKey(Buffer.alloc(32)), id } as const;
  return [sealed(message, proof), enclose(key, head, 1_000_000, Buffer.from(text))];
}

export function injectGuesses(fleet: HostileFleet, kind: TopicKind, message: object): void {
  for (const guess of guesses(fleet, kind, message)) fleet.broker.inject("web-1", kind, guess);
}

/** In place of the next large message of this kind, once, comes one with a byte changed: nobody between can read it. */
export function changeOnce(fleet: HostileFleet, kind: TopicKind): void {
  let isDone = false;
  fleet.broker.meddle(({ agent, kind: its, bytes }) => {
    if (isDone || agent !== "web-1" || its !== kind || bytes.length < 200) return "pass";
    isDone = true;
    const changed = Buffer.from(bytes);
    changed[150] = (changed[150] ?? 0) ^ 1;
    return [changed];
  });
}

/** A new connection, and so new keys. */
export async function reconnected(fleet: HostileFleet, id: string): Promise<void> {
  const hellos = () =>
    fleet.broker.of(id, "hello").filter(({ from, bytes }) => from === id && isEnvelope(bytes, "agent"))
      .length;
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
