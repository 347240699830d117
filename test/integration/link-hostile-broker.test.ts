/**
 * A broker that belongs to somebody else: it keeps everything it carries, and plays any of it again, to either side, on
 * any topic, whole or changed, whenever it likes. It may hold things up; it can neither make something happen twice nor
 * lose what was receipted. PETREL_HOSTILE_RUNS makes more runs of it.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Authenticator } from "../../shared/wire/authenticator.ts";
import type { Entry, Side, TopicKind } from "../../shared/wire/messages.ts";
import { subscribedKinds, topicKinds } from "../../shared/wire/topics.ts";
import { expectOrderWithinEpochs } from "../contract/link-cases.ts";
import { cancelEntry, type LinkEnd, openLinkEnd, triggerEntry } from "../support/link-end.ts";
import { testFleet } from "../support/link-identities.ts";
import type { LinkEvents, LinkNetwork, NetworkEnd } from "../support/link-network.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

interface Carried {
  readonly kind: TopicKind;
  readonly bytes: Uint8Array;
}

interface HostileNetwork extends LinkNetwork {
  /** All that was ever sent through it. */
  readonly carried: Carried[];
  /** Says it to whoever listens there. */
  inject(kind: TopicKind, bytes: Uint8Array): void;
}

function hostileNetwork(): HostileNetwork {
  const events: Record<Side, LinkEvents | null> = { agent: null, hub: null };
  const inject = (kind: TopicKind, bytes: Uint8Array) => {
    for (const side of ["agent", "hub"] as const) {
      if (subscribedKinds(side).includes(kind)) events[side]?.receive(kind, bytes);
    }
  };
  const carried: Carried[] = [];
  const end = (side: Side): NetworkEnd => ({
    transport: {
      send(kind, bytes) {
        carried.push({ kind, bytes: Uint8Array.from(bytes) });
        setImmediate(() => inject(kind, bytes));
      },
    },
    async open(next) {
      events[side] = next;
      next.connected();
    },
  });
  const both = (what: "connected" | "disconnected") => async () => {
    for (const each of Object.values(events)) each?.[what]();
  };
  return {
    carried,
    inject,
    agent: end("agent"),
    hub: end("hub"),
    cut: both("disconnected"),
    mend: both("connected"),
    async close() {
      events.agent = null;
      events.hub = null;
    },
  };
}

/** The broker cannot read what is said: its sender notes its questions. */
function noting(authenticator: Authenticator, said: string[]): Authenticator {
  return {
    ...(authenticator.session !== undefined && { session: authenticator.session }),
    sign: (...message) => authenticator.sign(...message),
    verify: (...message) => authenticator.verify(...message),
    enclose(kind, message) {
      if (kind === "ask") said.push(String(Buffer.from(message)));
      return authenticator.enclose?.(kind, message) ?? null;
    },
    disclose: (...message) => authenticator.disclose?.(...message) ?? "forged",
  };
}

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("append" as const), entries: fc.integer({ min: 1, max: 8 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("ask" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("crash" as const), end: fc.constantFrom<Side>("agent", "hub") }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("reconnect" as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("replay" as const),
      which: fc.nat(),
      times: fc.integer({ min: 1, max: 5 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("elsewhere" as const), which: fc.nat(), topic: fc.nat() }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("change" as const),
      which: fc.nat(),
      at: fc.nat(),
      by: fc.integer({ min: 1, max: 255 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("everything again" as const) }) },
);

test("whatever is played again, moved or changed: each entry is taken once, each question answered once, no receipt is believed that was not given", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const network = hostileNetwork();
      const fleet = testFleet();
      const folders = { agent: await tempFolder("hostile-agent"), hub: await tempFolder("hostile-hub") };
      const heard: string[] = [];
      const said: string[] = [];
      const open = (side: Side): Promise<LinkEnd> =>
        openLinkEnd({
          side,
          folder: folders[side],
          network: network[side],
          authenticator: noting(fleet.authenticator(side), said),
          responders: {
            note: async ({ what }) => {
              heard.push(String(what));
              return true;
            },
          },
        });
      const ends: Record<Side, LinkEnd> = { agent: await open("agent"), hub: await open("hub") };
      const sent: Record<Side, Entry[]> = { agent: [], hub: [] };
      const asked: string[] = [];
      const pick = (which: number) => network.carried[which % Math.max(1, network.carried.length)];
      for (const each of steps) {
        if (each.do === "append") {
          const entries = {
            agent: Array.from({ length: each.entries }, () => triggerEntry()),
            hub: Array.from({ length: each.entries }, () => cancelEntry()),
          };
          for (const side of ["agent", "hub"] as const) {
            sent[side].push(...entries[side]);
            await ends[side].append(entries[side]);
          }
        } else if (each.do === "ask") {
          const what = `question ${asked.length}`;
          asked.push(what);
          // It may get lost with a connection; what counts is that nobody hears it twice.
          ends.agent.link.ask("note", { what }, 2_000).catch(() => {});
        } else if (each.do === "crash") {
          await ends[each.end].crash();
          ends[each.end] = await open(each.end);
        } else if (each.do === "reconnect") {
          await network.cut();
          await network.mend();
        } else if (each.do === "everything again") {
          for (const { kind, bytes } of [...network.carried]) network.inject(kind, bytes);
        } else {
          const found = pick(each.which);
          if (found === undefined) continue;
          if (each.do === "replay")
            for (let i = 0; i < each.times; i++) network.inject(found.kind, found.bytes);
          else if (each.do === "elsewhere")
            network.inject(topicKinds[each.topic % topicKinds.length] ?? "up", found.bytes);
          else {
            const bytes = Uint8Array.from(found.bytes);
            const at = each.at % bytes.length;
            bytes[at] = (bytes[at] ?? 0) ^ each.by;
            network.inject(found.kind, bytes);
          }
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
      for (const side of ["agent", "hub"] as const) {
        await waitUntil(
          `the ${side}'s entries are receipted`,
          () => ends[side].outbox.figures().entries === 0,
        );
      }
      for (const [from, to] of [
        ["agent", "hub"],
        ["hub", "agent"],
      ] as const) {
        const taken = await ends[to].inbox.taken();
        expect(taken.map(({ entry }) => entry.id).toSorted()).toEqual(
          sent[from].map(({ id }) => id).toSorted(),
        );
        expectOrderWithinEpochs(taken);
        expect(await ends[to].inbox.gaps()).toEqual([]);
      }
      // An agent that does not know whether it was heard asks again, as a message of its own.
      for (const what of asked) {
        const times = said.filter((text) => text.includes(`"${what}"`)).length;
        expect(heard.filter((each) => each === what).length).toBeLessThanOrEqual(times);
      }
      await ends.agent.close();
      await ends.hub.close();
      await network.close();
    }),
    { numRuns: Number(process.env.PETREL_HOSTILE_RUNS ?? 40), endOnFailure: true },
  );
}, 300_000);
