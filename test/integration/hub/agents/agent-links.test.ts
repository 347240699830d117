/** Sessions of agents over a real store: coming and going in any order, and a store that refuses for a while. */
import { expect, it, onTestFinished, vi } from "vitest";
import { AgentLinks } from "../../../../hub/agents/agent-links.ts";
import { type AgentRegistry, openAgentRegistry } from "../../../../hub/agents/agent-registry.ts";
import { createGreeter } from "../../../../hub/agents/greeting.ts";
import type { AgentLinksOptions } from "../../../../hub/agents/links-options.ts";
import { openedEntry } from "../../../../hub/secrets/opened-entry.ts";
import { openLevelStore } from "../../../../hub/store/level-store.ts";
import type { Claim } from "../../../../hub/store/port/ledgers.ts";
import type { Store } from "../../../../hub/store/store.ts";
import { timestamp } from "../../../../shared/clock.ts";
import { PetrelError } from "../../../../shared/errors.ts";
import { ulidSource } from "../../../../shared/ids.ts";
import { linkCounters } from "../../../../shared/link/counters.ts";
import { silentLogger } from "../../../../shared/log.ts";
import { systemRandom } from "../../../../shared/system-process.ts";
import { devAuthenticator } from "../../../../shared/wire/authenticator.ts";
import { decode, encode } from "../../../../shared/wire/codec.ts";
import type { Hello, Marks } from "../../../../shared/wire/messages.ts";
import { manualTime } from "../../../support/manual-time.ts";
import { tempFolder } from "../../../support/temp-folder.ts";
import { testSealer } from "../../../support/test-sealer.ts";
import { waitUntil } from "../../../support/wait-until.ts";

const refusal = () => new PetrelError("STORE_WRITE", "a batch could not be written");

/** Sessions over a store that a test may take the place of, with time that stands until it is moved. */
async function startLinks(
  replace: (store: Store) => Partial<Store> = () => ({}),
  over: Partial<AgentLinksOptions> = {},
) {
  const time = manualTime();
  const newId = ulidSource(time.clock, systemRandom);
  const real = await openLevelStore({
    folder: await tempFolder("links"),
    clock: time.clock,
    random: systemRandom,
    logger: silentLogger,
  });
  onTestFinished(() => real.close());
  const store: Store = { ...real, ...replace(real) };
  const registry: AgentRegistry = await openAgentRegistry({
    store,
    timers: time.timers,
    jitter: () => 0.5,
    log: silentLogger,
  });
  const conflicts = { greeted: async () => {} };
  const greet = createGreeter({ store, registry, conflicts, now: () => time.clock.now(), log: silentLogger });
  const said: { readonly agent: string; readonly message: Hello | Marks }[] = [];
  const links = new AgentLinks({
    store,
    hub: "hub-1",
    openEntry: (entry, capabilities) => openedEntry(entry, testSealer(), capabilities),
    incarnation: "hub-incarnation",
    version: "1",
    clock: time.clock,
    timers: time.timers,
    jitter: () => 0.5,
    newId,
    log: silentLogger,
    authenticator: () => devAuthenticator,
    isBroker: true,
    transport: (agent) => ({
      send(kind, bytes) {
        if (kind !== "hello") return;
        const decoded = decode("hello", bytes, devAuthenticator);
        if (decoded.ok) said.push({ agent, message: decoded.message });
      },
    }),
    inbox: (agent) => ({
      marks: (epochs) => store.marks(agent, epochs),
      take: async (_epoch, mark) => ({ taken: false, upTo: mark }),
      gap: async () => {},
      credit: () => ({ entries: 1, bytes: 1 }),
    }),
    journal: () => ({
      read: async () => null,
      write: async () => {},
      deadLetter: async (_epoch, mark) => ({ taken: false, upTo: mark }),
    }),
    responders: () => ({}),
    isPaused: () => false,
    counters: linkCounters(),
    output: () => {},
    greeted: greet.arrived,
    ready: () => {},
    keysSeen: () => {},
    gone: greet.departed,
    ...over,
  });
  onTestFinished(() => links.close());
  return {
    store,
    registry,
    links,
    time,
    greet,
    hellos: () => said.filter(({ message }) => message.type === "hello").length,
    answers: () => said.filter(({ message }) => message.type === "marks").length,
    online: async (id = "web-1") => (await store.agent(id))?.online ?? null,
  };
}

function hello(incarnation = "agent-incarnation"): Uint8Array {
  const message = {
    v: 1,
    type: "hello",
    from: "agent",
    session: `session-${Math.random().toString(36).slice(2)}`,
    to: null,
    incarnation,
    version: "1",
    capabilities: [],
    clock: timestamp(Date.UTC(2026, 0, 1)),
    epochs: [],
  } as const;
  return encode("hello", message, devAuthenticator);
}

/** Lets everything run that waits for nothing but the store. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 30));

it("a hello that comes before the link is open is answered when it is", async () => {
  const { links, answers, online } = await startLinks();
  links.connected("web-1", "127.0.0.1:1");
  void links.receive("web-1", "hello", hello());
  await waitUntil("an answer", () => answers() === 1);
  expect(await online()).toBe(true);
});

it("a link that the store refused to open is opened later, while the agent stays connected", async () => {
  let refusals = 2;
  const { links, time, hellos, answers } = await startLinks((store) => ({
    claimAgent: (...args) => (refusals-- > 0 ? Promise.reject(refusal()) : store.claimAgent(...args)),
  }));
  links.connected("web-1", "127.0.0.1:1");
  void links.receive("web-1", "hello", hello());
  for (let attempt = 0; attempt < 2; attempt++) {
    await waitUntil("a wait for the next attempt", () => time.pending().length > 0);
    time.advance(60_000);
  }
  await waitUntil("the hub's hello", () => hellos() > 0);
  await waitUntil("an answer", () => answers() === 1);
});

it("behind an external broker the hub speaks first: the agent may have been connected for long", async () => {
  const { links, hellos } = await startLinks();
  links.connected("web-1", null);
  await waitUntil("the hub's hello", () => hellos() > 0);
});

it("a connection that never says hello costs no link", async () => {
  const claimAgent = vi.fn(() => Promise.reject(refusal()));
  const { links, hellos } = await startLinks(() => ({ claimAgent }));
  links.connected("web-1", "127.0.0.1:1");
  void links.receive("web-1", "up", hello());
  await settle();
  expect(claimAgent).not.toHaveBeenCalled();
  expect(hellos()).toBe(0);
});

it("what comes from an agent that is not connected makes nothing", async () => {
  const claimAgent = vi.fn(() => Promise.reject(refusal()));
  const { links } = await startLinks(() => ({ claimAgent }));
  void links.receive("web-1", "hello", hello());
  await settle();
  expect(claimAgent).not.toHaveBeenCalled();
});

it("a connection that comes and goes while the link is being opened leads to one hello", async () => {
  const { links, hellos } = await startLinks();
  links.connected("web-1", null);
  void links.receive("web-1", "hello", hello());
  links.disconnected("web-1");
  links.connected("web-1", null);
  void links.receive("web-1", "hello", hello());
  await waitUntil("a hello", () => hellos() > 0);
  await settle();
  expect(hellos()).toBe(1);
  expect(links.connectedCount).toBe(1);
});

it("an agent that goes and comes at once is online", async () => {
  const { links, answers, online } = await startLinks();
  links.connected("web-1", null);
  void links.receive("web-1", "hello", hello());
  await waitUntil("an answer", () => answers() === 1);
  for (let round = 0; round < 10; round++) {
    links.disconnected("web-1");
    links.connected("web-1", null);
    void links.receive("web-1", "hello", hello());
  }
  await waitUntil("the last answer", () => answers() >= 2);
  await settle();
  expect(await online()).toBe(true);
});

it("an agent that goes while its hello is being answered is not online", async () => {
  const heard = Promise.withResolvers<void>();
  const answering = Promise.withResolvers<void>();
  const { links, online, greet } = await startLinks(undefined, {
    greeted: async (...args) => {
      heard.resolve();
      await answering.promise;
      return greet.arrived(...args);
    },
  });
  links.connected("web-1", null);
  void links.receive("web-1", "hello", hello());
  await heard.promise;
  links.disconnected("web-1");
  answering.resolve();
  await waitUntil("it to be known", async () => (await online()) !== null);
  await settle();
  expect(await online()).toBe(false);
});

it("a leaving that the store refused to note is noted later", async () => {
  let refuses = false;
  const { links, answers, online, time } = await startLinks((store) => ({
    putAgent: (...args) => (refuses ? Promise.reject(refusal()) : store.putAgent(...args)),
  }));
  links.connected("web-1", null);
  void links.receive("web-1", "hello", hello());
  await waitUntil("an answer", () => answers() === 1);
  refuses = true;
  links.disconnected("web-1");
  await settle();
  refuses = false;
  time.advance(60_000);
  await waitUntil("it to be offline", async () => (await online()) === false);
});

it("an agent that stays away is forgotten, and met again when it comes back", async () => {
  const renewed = vi.fn();
  const { links, time, hellos, answers, online } = await startLinks((store) => ({
    renewClaim: (...args) => {
      renewed();
      return store.renewClaim(...args);
    },
  }));
  links.connected("web-1", null);
  void links.receive("web-1", "hello", hello());
  await waitUntil("an answer", () => answers() === 1);
  links.disconnected("web-1");
  await waitUntil("it to be offline", async () => (await online()) === false);
  time.advance(600_000);
  await waitUntil("everything that would call it up again to be gone", () => time.pending().length === 0);
  time.advance(3_600_000);
  expect(renewed).not.toHaveBeenCalled();
  const before = hellos();
  links.connected("web-1", null);
  void links.receive("web-1", "hello", hello());
  await waitUntil("a hello", () => hellos() > before);
  await waitUntil("an answer", () => answers() === 2);
  expect(await online()).toBe(true);
});

it("a session that another hub has taken over is opened anew", async () => {
  let lost = 0;
  const { links, time, hellos, answers } = await startLinks((store) => ({
    renewClaim: async (...args) => (lost++ > 0 ? store.renewClaim(...args) : false),
  }));
  links.connected("web-1", null);
  void links.receive("web-1", "hello", hello());
  await waitUntil("an answer", () => answers() === 1);
  const before = hellos();
  time.advance(1_200_000);
  await waitUntil("a new hello", () => hellos() > before);
});

it("a question to an agent that is away is refused at once", async () => {
  const { links } = await startLinks();
  await expect(links.ask("web-1", "blob", {}, 1_000)).rejects.toMatchObject({ code: "LINK_CLOSED" });
  links.connected("web-1", null);
  await settle();
  links.disconnected("web-1");
  await expect(links.ask("web-1", "blob", {}, 1_000)).rejects.toMatchObject({ code: "LINK_CLOSED" });
});

it("after close nothing is written for any agent", async () => {
  const { links, online, answers, time } = await startLinks();
  links.connected("web-1", null);
  void links.receive("web-1", "hello", hello());
  await waitUntil("an answer", () => answers() === 1);
  links.disconnected("web-1");
  await links.close();
  expect(await online()).toBe(false);
  links.connected("web-1", null);
  void links.receive("web-1", "hello", hello());
  time.advance(3_600_000);
  await settle();
  expect(await online()).toBe(false);
  expect(answers()).toBe(1);
});

it("a take that finds another hub in charge ends the session, and it is opened again when that one lets go", async () => {
  const claims: Claim[] = [];
  let lost = () => {};
  const { links, hellos, answers, store } = await startLinks(undefined, {
    inbox: (agent, claim, tell) => {
      lost = tell;
      return {
        marks: (epochs) => {
          claims.push(claim());
          return store.marks(agent, epochs);
        },
        take: async (_epoch, mark) => ({ taken: false, upTo: mark }),
        gap: async () => {},
        credit: () => ({ entries: 1, bytes: 1 }),
      };
    },
  });
  links.connected("web-1", null);
  void links.receive("web-1", "hello", hello());
  await waitUntil("an answer", () => answers() === 1);
  const before = hellos();
  lost();
  await waitUntil("a new hello", () => hellos() > before);
  void links.receive("web-1", "hello", hello());
  await waitUntil("a new answer", () => answers() === 2);
  expect(claims[1]?.fence).toBeGreaterThan(claims[0]?.fence ?? 0);
});

it("an agent whose messages are of no use is read on only after a while; one that keeps to the protocol at once", async () => {
  const { links, answers, time } = await startLinks();
  links.connected("web-1", null);
  expect(links.receive("web-1", "hello", hello())).toBe(undefined);
  await waitUntil("an answer", () => answers() === 1);
  expect(links.receive("web-1", "hello", hello())).toBe(undefined);
  let read = 0;
  for (let i = 0; i < 3; i++) void links.receive("web-1", "up", Buffer.from("noise"))?.then(() => read++);
  await settle();
  expect(read).toBe(0);
  time.advance(1_000);
  await settle();
  expect(read).toBe(3);
});
