/** Two ledgers under loss, repetition, reordering, cuts and crashes: every entry is taken once, in order. */
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Entry } from "../../shared/wire/messages.ts";
import { expectOrderWithinEpochs } from "../contract/link-cases.ts";
import { cancelEntry, type LinkEnd, openLinkEnd, triggerEntry } from "../support/link-end.ts";
import { testFleet } from "../support/link-identities.ts";
import { fair, memoryNetwork } from "../support/link-network.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { waitUntil } from "../support/wait-until.ts";

const end = fc.constantFrom("agent" as const, "hub" as const);
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant("append" as const), end, entries: fc.nat(40) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("crash" as const), end }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("cut" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("mend" as const) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("burst" as const), end, packets: fc.nat(20) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("turns" as const), turns: fc.nat(30) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("pause" as const), ms: fc.nat(15) }) },
);

/** Small and repeatable: mulberry32. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

interface Story {
  readonly promised: Set<string>;
  readonly begun: Set<string>;
}

test("whatever the network and the crashes, each promised entry is taken exactly once and in order", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 40 }),
      fc.nat(),
      fc.record({
        loss: fc.double({ min: 0, max: 0.4, noNaN: true }),
        repeat: fc.constant(0.2),
        delay: fc.constant(0.3),
      }),
      fc.boolean(),
      async (steps, seed, weather, isAuthenticated) => {
        const fleet = isAuthenticated ? testFleet() : null;
        const network = memoryNetwork(randomFrom(seed));
        network.weather = weather;
        const folders = { agent: await tempFolder("model-agent"), hub: await tempFolder("model-hub") };
        const open = (side: "agent" | "hub") =>
          openLinkEnd({
            side,
            folder: folders[side],
            network: network[side],
            authenticator: fleet?.authenticator(side),
          });
        const ends: Record<"agent" | "hub", LinkEnd> = { agent: await open("agent"), hub: await open("hub") };
        const stories: Record<"agent" | "hub", Story> = {
          agent: { promised: new Set(), begun: new Set() },
          hub: { promised: new Set(), begun: new Set() },
        };
        const append = (side: "agent" | "hub", entries: readonly Entry[]) => {
          for (const { id } of entries) stories[side].begun.add(id);
          ends[side].append(entries).then(
            () => {
              for (const { id } of entries) stories[side].promised.add(id);
            },
            () => {
              // The end crashed before the batch was on disk: nothing was promised.
            },
          );
        };
        for (const each of steps) {
          if (each.do === "append") {
            const make = each.end === "agent" ? triggerEntry : cancelEntry;
            append(
              each.end,
              Array.from({ length: each.entries }, () => make()),
            );
          } else if (each.do === "burst") {
            for (let i = 0; i < each.packets; i++) {
              append(each.end, [each.end === "agent" ? triggerEntry() : cancelEntry()]);
              await turns(5);
            }
          } else if (each.do === "crash") {
            await ends[each.end].crash();
            ends[each.end] = await open(each.end);
          } else if (each.do === "cut") await network.cut();
          else if (each.do === "mend") await network.mend();
          else if (each.do === "pause") await sleep(each.ms);
          else await turns(each.turns);
        }
        // Good weather, and no new connection unless there is none: what is missing must be found without a hello.
        network.weather = fair;
        if (!network.up) await network.mend();
        for (const side of ["agent", "hub"] as const) {
          await waitUntil(
            `the ${side}'s entries are receipted`,
            () =>
              ends[side].outbox.figures().entries === 0 &&
              ends[side].database.committer.figures().queued === 0,
          );
        }
        for (const [from, to] of [
          ["agent", "hub"],
          ["hub", "agent"],
        ] as const) {
          const taken = await ends[to].inbox.taken();
          const ids = taken.map(({ entry }) => entry.id);
          expect(new Set(ids).size).toBe(ids.length);
          expect([...stories[from].promised].filter((id) => !ids.includes(id))).toEqual([]);
          expect(ids.filter((id) => !stories[from].begun.has(id))).toEqual([]);
          expectOrderWithinEpochs(taken);
          expect(await ends[to].inbox.gaps()).toEqual([]);
        }
        await ends.agent.close();
        await ends.hub.close();
        await network.close();
      },
    ),
    { numRuns: 25, endOnFailure: true },
  );
}, 300_000);
