/** Hello and marks: who waits for what before the ledgers run. */
import { expect, test } from "vitest";
import { Greeting } from "../../../../shared/link/greeting.ts";
import type { SendingSession } from "../../../../shared/link/sender.ts";
import { silentLogger } from "../../../../shared/log.ts";
import type { AuthenticatedSession } from "../../../../shared/wire/authenticator.ts";
import type { EpochRange, Hello, Marks } from "../../../../shared/wire/messages.ts";
import { manualTime } from "../../../support/manual-time.ts";

const credit = { entries: 1, bytes: 1 };

function greeting(
  epochs: readonly EpochRange[] = [{ id: "e", first: 1, last: 3 }],
  session?: AuthenticatedSession,
) {
  const time = manualTime();
  const hellos: Hello[] = [];
  const answers: Marks[] = [];
  const begun: SendingSession[] = [];
  let sessions = 0;
  const state = { marksFail: false, asked: 0, hold: Promise.resolve() };
  const part = new Greeting({
    ...time,
    side: "agent",
    epochs: () => epochs,
    incarnation: "i",
    version: "1",
    capabilities: [],
    send: (message) => {
      const signed = { ...message, auth: null };
      if (signed.type === "hello") hellos.push(signed);
      else answers.push(signed);
    },
    marksFor: async () => {
      state.asked++;
      await state.hold;
      if (state.marksFail) throw new Error("the disk");
      return { marks: [{ epoch: "p", upTo: 7 }], credit };
    },
    begin: (session) => begun.push(session),
    end: () => {},
    jitter: () => 0.5,
    session,
    newId: () => `own${++sessions}`,
    log: silentLogger,
  });
  const hello = (session: string, to: string | null = null): Promise<void> =>
    part.hello({
      v: 1,
      type: "hello",
      from: "hub",
      session,
      to,
      incarnation: "h",
      version: "1",
      capabilities: ["trigger"],
      clock: "2026-01-01T00:00:00Z",
      epochs: [],
      auth: null,
    });
  const marks = (session: string, by: string, upTo = 2) =>
    part.marks({
      v: 1,
      type: "marks",
      from: "hub",
      session,
      by,
      clock: "2026-01-01T00:00:00Z",
      marks: [{ epoch: "e", upTo }],
      credit,
      auth: null,
    });
  return { part, time, hellos, answers, begun, hello, marks, state };
}

test("the ledgers run once our hello is answered and the peer's has come, in either order", async () => {
  for (const order of ["hello first", "marks first"]) {
    const { part, hello, marks, begun } = greeting();
    part.connected();
    if (order === "hello first") await hello("peer1");
    marks("own1", "peer1");
    if (order === "marks first") {
      expect(begun).toEqual([]);
      await hello("peer1");
    }
    expect(begun).toMatchObject([{ marks: new Map([["e", 2]]), capabilities: new Set(["trigger"]) }]);
    expect(part.running).toBe(true);
  }
});

test("a hello is answered with the marks and the own session", async () => {
  const { part, hello, answers } = greeting();
  part.connected();
  await hello("peer1");
  expect(answers).toMatchObject([{ session: "peer1", by: "own1", marks: [{ epoch: "p", upTo: 7 }], credit }]);
});

test("a hello without an answer is said again with back-off, the same session each time", async () => {
  const { part, time, hellos, hello, marks } = greeting();
  part.connected();
  for (const wait of [1_000, 2_000, 4_000]) {
    expect(time.pending()).toEqual([wait]);
    time.advance(wait);
  }
  expect(hellos.map(({ session }) => session)).toEqual(["own1", "own1", "own1", "own1"]);
  await hello("peer1");
  marks("own1", "peer1");
  expect(time.pending()).toEqual([]);
});

test("a peer that comes after a long time is greeted at once, not when the back-off ends", async () => {
  const { part, time, hellos, hello, marks, begun } = greeting();
  part.connected();
  for (const wait of [1_000, 2_000, 4_000]) time.advance(wait);
  expect(hellos).toHaveLength(4);
  await hello("peer1");
  expect(hellos.slice(4).map(({ to }) => to)).toEqual(["peer1"]);
  expect(time.pending()).toEqual([1_000]);
  marks("own1", "peer1");
  expect(begun).toHaveLength(1);
});

test("hellos that cross each other are said once", async () => {
  const { part, hellos, hello, marks, begun } = greeting();
  part.connected();
  await hello("peer1");
  marks("own1", "peer1");
  expect(hellos).toHaveLength(1);
  expect(begun).toHaveLength(1);
});

test("marks for an earlier connection are not ours", async () => {
  const { part, hello, marks, begun } = greeting();
  part.connected();
  part.disconnected();
  part.connected();
  await hello("peer1");
  marks("own1", "peer1");
  expect(begun).toEqual([]);
});

test("marks of a peer that has died since are not those of its successor", async () => {
  const { part, hello, marks, begun } = greeting();
  part.connected();
  await hello("peer1");
  await hello("peer2");
  marks("own1", "peer1", 3);
  expect(begun).toEqual([]);
  marks("own1", "peer2", 1);
  expect(begun).toMatchObject([{ marks: new Map([["e", 1]]) }]);
});

test("a peer that started anew on our connection is greeted anew", async () => {
  const { part, hello, marks, hellos, begun } = greeting();
  part.connected();
  await hello("peer1");
  marks("own1", "peer1");
  await hello("peer1");
  expect(hellos).toHaveLength(1);
  await hello("peer2");
  expect(hellos).toHaveLength(2);
  expect(part.running).toBe(false);
  marks("own1", "peer2");
  expect(begun).toHaveLength(2);
});

test("a hello says which peer it knows, and one to another than us is answered with ours", async () => {
  const { part, hello, marks, hellos } = greeting();
  part.connected();
  await hello("peer1");
  marks("own1", "peer1");
  await hello("peer1", "own1");
  expect(hellos.map(({ to }) => to)).toEqual([null]);
  await hello("peer1", "own0");
  expect(hellos.map(({ to }) => to)).toEqual([null, "peer1"]);
});

test("an old hello of a peer that has died, come late, does not keep its successor out", async () => {
  const { part, hello, marks, hellos, begun } = greeting();
  part.connected();
  await hello("peer2");
  marks("own1", "peer2");
  await hello("peer1");
  expect(hellos.at(-1)?.to).toBe("peer1");
  marks("own1", "peer2");
  // Peer 2 sees that it was mistaken for another and says hello.
  await hello("peer2", "own1");
  expect(begun).toHaveLength(2);
  expect(part.running).toBe(true);
});

test("marks that overtake their sender's hello wait for it", async () => {
  const { part, hello, marks, begun, hellos } = greeting();
  part.connected();
  await hello("peer1");
  marks("own1", "peer2");
  expect(begun).toEqual([]);
  await hello("peer2");
  expect(begun).toHaveLength(1);
  expect(hellos).toHaveLength(1);
});

test("a hello that cannot be answered gets no marks; the next one does", async () => {
  const { part, hello, answers, state } = greeting();
  part.connected();
  state.marksFail = true;
  await hello("peer1");
  expect(answers).toEqual([]);
  state.marksFail = false;
  await hello("peer1");
  expect(answers).toHaveLength(1);
});

test("a hello of more epochs than it holds names the oldest and the newest", async () => {
  const epochs = Array.from({ length: 1_100 }, (_, i) => ({ id: `e${i}`, first: 1, last: 1 }));
  const { part, hellos, hello, marks, begun } = greeting(epochs);
  part.connected();
  const [said] = hellos;
  expect(said?.epochs).toHaveLength(1_024);
  expect(said?.epochs[0]?.id).toBe("e0");
  expect(said?.epochs.at(-1)?.id).toBe("e1099");
  await hello("peer1");
  marks("own1", "peer1");
  expect(begun[0]?.unlisted.size).toBe(76);
});

test("epochs for control go into a hello before all others, and look like them", async () => {
  const epochs = Array.from({ length: 1_100 }, (_, i) => ({
    id: `e${i}`,
    first: 1,
    last: 1,
    ...(i % 100 === 99 && { isControl: true as const }),
  }));
  const { part, hellos, hello, marks, begun } = greeting(epochs);
  part.connected();
  const said = hellos[0]?.epochs ?? [];
  expect(said).toHaveLength(1_024);
  const named = (id: string) => ({ id, first: 1, last: 1 });
  expect(said.slice(-3)).toEqual([named("e1021"), named("e1098"), named("e1099")]);
  await hello("peer1");
  marks("own1", "peer1");
  expect(begun[0]?.listed.filter(({ isControl }) => isControl)).toHaveLength(11);
});

test("a new hello is asked for once, however often", () => {
  const { part, time, hellos } = greeting();
  part.connected();
  for (let i = 0; i < 10; i++) part.again();
  time.advance(1_000);
  expect(hellos).toHaveLength(2);
});

test("of many hellos that come while one is being answered the newest is, and nothing is kept of the others", async () => {
  const { part, hello, answers, state } = greeting();
  part.connected();
  let letGo = () => {};
  state.hold = new Promise((resolve) => {
    letGo = resolve;
  });
  for (let i = 0; i < 1_000; i++) void hello(`h${i}`);
  const last = hello("newest");
  letGo();
  await last;
  expect(answers.map(({ session }) => session)).toEqual(["h0", "newest"]);
  expect(state.asked).toBe(2);
});

test("a hello of a connection that has ended is not answered on the next", async () => {
  const { part, hello, answers, state } = greeting();
  part.connected();
  let letGo = () => {};
  state.hold = new Promise((resolve) => {
    letGo = resolve;
  });
  void hello("first");
  void hello("old");
  part.disconnected();
  part.connected();
  letGo();
  await hello("new");
  expect(answers.map(({ session }) => session)).toEqual(["new"]);
});

test("a session that meets nobody any more is followed by another, whose hello a peer can answer", async () => {
  let own = 0;
  const session = {
    begin: () => `exchange${++own}`,
    meet: ({ to }: Hello) => own === 2 && to === "exchange2",
    isSpent: () => own === 1,
  };
  const { part, hello, hellos, marks, begun } = greeting(undefined, session);
  part.connected();
  await hello("peer257", "exchange1");
  expect(hellos.map(({ session, to }) => [session, to])).toEqual([
    ["exchange1", null],
    ["exchange2", null],
  ]);
  await hello("peer257", "exchange2");
  marks("exchange2", "peer257");
  expect(begun).toHaveLength(1);
});
