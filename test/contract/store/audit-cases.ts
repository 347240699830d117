/** The audit's chain: whatever the store writes of history it can prove, and what others change it finds. */
import { describe, expect, it } from "vitest";
import { parseRow } from "../../../hub/audit/row-text.ts";
import type { Store } from "../../../hub/store/store.ts";
import { timestamp } from "../../../shared/clock.ts";
import type { Execution } from "../../../shared/model/execution.ts";
import { chainOfFormOne, faultsOf, verifyAll } from "../../support/audit.ts";
import { noon } from "../../support/records.ts";
import {
  cancel,
  claimed,
  execution,
  id,
  instance,
  nowAndReopened,
  type OpenStore,
  outcome,
  outcomes,
  type RawRows,
  request,
  ruleRecord,
  take,
} from "./world.ts";

const run = (n: number): Execution => {
  const [made] = outcome(n).executions;
  if (made === undefined) throw new Error("an outcome has an execution");
  return made;
};

async function end(store: Store, of: Execution): Promise<void> {
  const ended = { ...of, status: "succeeded" as const, result: { stdout: of.id }, rev: of.rev + 1 };
  expect(await store.updateExecution(ended, of.rev)).toBe(true);
}

/** Rules, three instances with what they led to, two of them ended, one that is pending, one run by hand. */
async function fill(store: Store): Promise<void> {
  expect(await store.changeRules([ruleRecord("on_change"), ruleRecord("other")], [], 0)).toBe(1);
  const claim = await claimed(store);
  await store.takeIn(take(claim, 0, outcomes([1, 2])));
  await store.takeIn(take(claim, 2, outcomes([3])));
  await store.takeIn(take(claim, 3, [{ type: "instance", instance: instance(4) }]));
  await end(store, run(1));
  await end(store, run(2));
  await store.createExecutions([execution(9)], [request(execution(9))]);
}

const fired = (n: number) => outcome(n).enforcements[0]?.id ?? "";
const only = async (raw: RawRows, prefix: string, text: string) => {
  const rows = (await raw.rows(prefix)).filter(([, value]) => value.includes(text));
  const [row] = rows;
  if (row === undefined || rows.length > 1) throw new Error(`${rows.length} rows ${prefix} with ${text}`);
  return row;
};
const edit = async (raw: RawRows, prefix: string, text: string, other: string) => {
  const [key, value] = await only(raw, prefix, text);
  await raw.put(key, value.replace(text, other));
};
const drop = async (raw: RawRows, prefix: string, text: string) => {
  await raw.put((await only(raw, prefix, text))[0], null);
};

/** The chain as an older hub has written it. */
const inOldForm = async (raw: RawRows) => {
  for (const [key, text] of chainOfFormOne(await raw.rows("ac/"))) await raw.put(key, text);
};

const tamperings: readonly [
  what: string,
  change: (raw: RawRows) => Promise<void>,
  found: readonly string[],
][] = [
  [
    "the payload of an instance",
    async (raw) => {
      const [key, value] = await only(raw, "i/", id(2));
      await raw.put(key, value.replace("/etc/passwd", "/etc/motd"));
    },
    [`edited instance ${id(2)}`],
  ],
  ["an instance that is gone", (raw) => drop(raw, "i/", id(2)), [`deleted instance ${id(2)}`]],
  [
    "a decision",
    async (raw) => {
      const [key, value] = await only(raw, "n/", id(3));
      await raw.put(key, value.replace('"status":"succeeded"', '"status":"failed"'));
    },
    [`edited enforcement ${fired(3)}`],
  ],
  ["a decision that is gone", (raw) => drop(raw, "n/", id(1)), [`deleted enforcement ${fired(1)}`]],
  [
    "a result",
    (raw) => edit(raw, "e/", `"stdout":"${run(2).id}"`, '"stdout":"fine"'),
    [`edited execution ${run(2).id}`],
  ],
  ["an execution that is gone", (raw) => drop(raw, "e/", `"id":"${id(9)}"`), [`deleted execution ${id(9)}`]],
  ["a rule", (raw) => edit(raw, "r/", '"name":"other"', '"name":"others"'), ["edited rule mypack.other"]],
  [
    "an execution that nobody made",
    (raw) => raw.put(`e/${id(77)}`, JSON.stringify(execution(77))),
    [`added execution ${id(77)}`],
  ],
  [
    "an execution that nobody made, older than the chain",
    (raw) => raw.put(`e/${id(-5_000)}`, JSON.stringify(execution(-5_000))),
    [`added execution ${id(-5_000)}`],
  ],
  [
    "an instance in another's place",
    async (raw) => {
      const [[first], [second, text]] = (await raw.rows("i/")) as [[string, string], [string, string]];
      await raw.put(first, text);
      await raw.put(second, null);
    },
    [`edited instance ${id(1)}`, `deleted instance ${id(2)}`],
  ],
  ["a row of the chain", (raw) => edit(raw, "ac/000000000003", ',"2026-', ',"2025-'), ["row-edited row 4"]],
  ["a row that is gone", (raw) => raw.put("ac/000000000003", null), ["row-missing row 3"]],
  [
    "a row that is nonsense",
    (raw) => raw.put("ac/000000000003", "[]"),
    ["row-edited row 3", "row-edited row 4"],
  ],
  [
    "a row that speaks of something that is no record",
    (raw) => edit(raw, "ac/000000000003", '["n",', '["z",'),
    ["row-edited row 3", "row-edited row 4"],
  ],
  [
    "a row of the old form that does",
    async (raw) => {
      const [[, text] = ["", ""]] = await raw.rows("ac/000000000003");
      const row = parseRow(text);
      const items = row?.items.map((item) => ({ ...item, what: "other" }));
      await raw.put("ac/000000000003", JSON.stringify({ v: 1, ...row, items }));
    },
    ["row-edited row 3", "row-edited row 4"],
  ],
  [
    "the beginning of the chain",
    async (raw) => {
      await raw.put("ac/000000000001", null);
      await raw.put("ac/000000000002", null);
    },
    ["rows-cut row 1"],
  ],
  [
    "two rows that changed places",
    async (raw) => {
      const [a, b] = [await raw.rows("ac/000000000003"), await raw.rows("ac/000000000004")];
      await raw.put("ac/000000000003", b[0]?.[1] ?? "");
      await raw.put("ac/000000000004", a[0]?.[1] ?? "");
    },
    ["row-edited row 3", "row-edited row 4", "row-edited row 5"],
  ],
];

export function auditCases(open: OpenStore): void {
  describe("the audit's chain", () => {
    it("verifies whatever was written, now and after a reopening", async () => {
      const world = await open();
      await fill(world.store);
      for await (const store of nowAndReopened(world)) {
        const verified = await verifyAll(store);
        expect(faultsOf(verified)).toEqual([]);
        expect(verified).toMatchObject({ unchained: 0 });
      }
    });

    it("grows by one row a batch, which names the row before it, and by none where nothing is to be said", async () => {
      const { store } = await open();
      const start = await store.auditHead();
      expect(start).toMatchObject({ first: 1, seq: 1, began: timestamp(noon) });
      const claim = await claimed(store);
      await store.setKey("system", "a", "b");
      expect(await store.auditHead()).toEqual(start);
      await store.takeIn(take(claim, 0, outcomes([1, 2, 3])));
      const next = await store.auditHead();
      expect(next).toMatchObject({ first: 1, seq: 2 });
      expect(next.hash).not.toBe(start.hash);
    });

    it.for(tamperings)("finds %s", async ([, change, found]) => {
      const world = await open();
      await fill(world.store);
      const store = await world.tamper(change);
      const faults = faultsOf(await verifyAll(store));
      // Records of which a row spoke that is not as it was have none that speaks of them.
      const ofRows = found.some((fault) => fault.includes(" row "));
      expect(ofRows ? faults.filter((fault) => !fault.startsWith("added ")) : faults).toEqual(found);
    });

    it.for(tamperings.filter(([, , found]) => !found.some((fault) => fault.includes(" row "))))(
      "finds %s, of which rows of the old form speak",
      async ([, change, found]) => {
        const world = await open();
        await fill(world.store);
        const store = await world.tamper(async (raw) => {
          await inOldForm(raw);
          await change(raw);
        });
        expect(faultsOf(await verifyAll(store))).toEqual(found);
      },
    );

    it("goes on behind rows of the old form: what they say holds, is told, is replaced, and is carried on", async () => {
      const world = await open();
      await fill(world.store);
      let store = await world.tamper(inOldForm);
      const noted = await store.auditHead();
      await end(store, run(3));
      expect(faultsOf(await verifyAll(store, noted))).toEqual([]);
      const trace = await store.traceAudit(run(3).id);
      expect(trace?.verified).toBe(true);
      expect(trace?.steps.map(({ item, state }) => `${item.what} ${state}`)).toEqual([
        "instance kept",
        "enforcement kept",
        "execution replaced",
        "sent sent",
        "execution kept",
      ]);
      store = await world.tamper(async (raw) => {
        const forms = (await raw.rows("ac/")).map(([, text]) => text[0]);
        // The old ones, that it was opened again, and the end of the execution.
        expect(forms.join("")).toBe("{{{{{{{{[[");
        await drop(raw, "n/", id(3));
      });
      world.clock.at = noon + 10 * 86_400_000;
      await store.purge({ before: timestamp(world.clock.at), maxInstances: 1_000_000, batch: 100 });
      const head = await store.auditHead();
      expect(head).toMatchObject({ began: timestamp(noon) });
      expect(head.first).toBeGreaterThan(noted.seq);
      expect(faultsOf(await verifyAll(store))).toEqual([`deleted enforcement ${fired(3)}`]);
      store = await world.tamper((raw) => edit(raw, "r/", '"name":"other"', '"name":"others"'));
      expect(faultsOf(await verifyAll(store)).sort()).toEqual([
        `deleted enforcement ${fired(3)}`,
        "edited rule mypack.other",
      ]);
    });

    it("proves by a head that was noted that nothing before it has changed, also that nothing is missing at the end", async () => {
      const world = await open();
      await fill(world.store);
      const { seq, hash } = await world.store.auditHead();
      await world.store.updateExecution({ ...run(3), status: "failed", rev: 2 }, 1);
      expect(faultsOf(await verifyAll(world.store, { seq, hash }))).toEqual([]);
      const other = { seq, hash: "0".repeat(64) };
      expect(faultsOf(await verifyAll(world.store, other))).toEqual([`head-differs row ${seq}`]);
      const before = await world.store.auditHead();
      const store = await world.tamper(async (raw) => {
        const rows = await raw.rows("ac/");
        for (const [key] of rows.slice(-3)) await raw.put(key, null);
      });
      expect(faultsOf(await verifyAll(store, before))).toContain(`row-missing row ${before.seq}`);
    });

    it("keeps its place when a batch failed, whether that is on disk or not", async () => {
      const world = await open();
      const claim = await claimed(world.store);
      await world.store.takeIn(take(claim, 0, outcomes([1])));
      for (const isWritten of [false, true]) {
        world.failWrite({ isWritten });
        await expect(end(world.store, run(1))).rejects.toMatchObject({ code: "STORE_WRITE" });
        await expect.poll(() => world.store.setKey("system", "a", "b").catch(() => null)).toBe(true);
        await world.store.createExecutions([execution(isWritten ? 20 : 21)], []);
        expect(faultsOf(await verifyAll(world.store))).toEqual([]);
      }
    });

    it("holds while the hub writes on", async () => {
      const { store } = await open();
      const claim = await claimed(store);
      const writing = (async () => {
        for (let n = 1; n <= 40; n++) {
          await store.takeIn(take(claim, n - 1, outcomes([n])));
          await end(store, run(n));
        }
      })();
      for (let n = 0; n < 5; n++) expect(faultsOf(await verifyAll(store))).toEqual([]);
      await writing;
      expect(faultsOf(await verifyAll(store))).toEqual([]);
    });

    it("tells the steps behind an execution, and which of them were changed", async () => {
      const world = await open();
      await fill(world.store);
      await world.store.updateExecution({ ...run(3), status: "canceling", rev: 2 }, 1, [cancel(run(3))]);
      const steps = async (store: Store, of: string) => {
        const trace = await store.traceAudit(of);
        return [
          trace?.verified,
          ...(trace?.steps ?? []).map(
            ({ item, state }) => `${item.what} ${"id" in item ? item.id : ""} ${state}`,
          ),
        ];
      };
      const one = run(1).id;
      const sentOne = outcome(1).dispatches[0]?.entry.id;
      const told = (state: string) => [
        `instance ${id(1)} kept`,
        `enforcement ${fired(1)} kept`,
        `execution ${one} replaced`,
        `sent ${sentOne} sent`,
        `execution ${one} ${state}`,
      ];
      expect(await steps(world.store, one)).toEqual([true, ...told("kept")]);
      expect(await steps(world.store, id(1))).toEqual([true, ...told("kept")]);
      expect((await steps(world.store, run(3).id)).map(String)).toContain(
        `sent ${cancel(run(3)).entry.id} sent`,
      );
      expect(await steps(world.store, id(9))).toEqual([
        true,
        `execution ${id(9)} kept`,
        `sent ${request(execution(9)).entry.id} sent`,
      ]);
      expect(await world.store.traceAudit(id(55))).toBeNull();
      expect(await world.store.traceAudit("what?/../")).toBeNull();
      const edited = await world.tamper((raw) => edit(raw, "e/", `"stdout":"${one}"`, '"stdout":"x"'));
      expect(await steps(edited, one)).toEqual([false, ...told("edited")]);
      // Its own record is gone: it is found by the time in its id.
      const gone = await world.tamper((raw) => drop(raw, "e/", `"id":"${one}"`));
      expect(await steps(gone, one)).toEqual([false, ...told("deleted")]);
    });

    it("names the version of the rule that decided, also once the rule is another", async () => {
      const { store } = await open();
      await store.changeRules([ruleRecord("on_change")], [], 0);
      const claim = await claimed(store);
      const trace = await store.traceAudit("rule:mypack.on_change");
      const [first] = trace?.steps ?? [];
      const definition = first?.item.what === "rule" ? first.item.definition : "";
      const [fires] = outcome(1).enforcements;
      if (fires === undefined) throw new Error("an outcome has an enforcement");
      const enforcements = [{ ...fires, rule_digest: `sha256:${definition}` }];
      await store.takeIn(take(claim, 0, [{ type: "outcome", outcome: { ...outcome(1), enforcements } }]));
      const changed = ruleRecord("on_change", { rev: 2 });
      await store.changeRules([{ ...changed, rule: { ...changed.rule, description: "new" } }], [], 1);
      const steps = (await store.traceAudit(run(1).id))?.steps ?? [];
      const rule = steps.find(({ item }) => item.what === "rule");
      expect(rule).toMatchObject({ state: "kept", linked: true, item: { rev: 1, definition } });
    });

    it("stays whole when history is cut, and still finds what was deleted otherwise", async () => {
      const world = await open();
      await fill(world.store);
      const noted = await world.store.auditHead();
      world.clock.at = noon + 10 * 86_400_000;
      const before = timestamp(world.clock.at);
      const policy = { before, maxInstances: 1_000_000, batch: 100 };
      let store = await world.tamper((raw) => drop(raw, "n/", id(3)));
      expect(await store.purge(policy)).toMatchObject({ instances: 2 });
      const head = await store.auditHead();
      expect(head.first).toBeGreaterThan(noted.seq);
      expect(head.began).toBe(timestamp(noon));
      // Its execution is still open, so its family stays; that the decision was deleted is still known.
      expect(faultsOf(await verifyAll(store))).toEqual([`deleted enforcement ${fired(3)}`]);
      // The row that was noted is the last that went: it is proved all the same.
      expect(faultsOf(await verifyAll(store, noted))).toEqual([`deleted enforcement ${fired(3)}`]);
      const older = { ...noted, seq: noted.seq - 1 };
      expect(faultsOf(await verifyAll(store, older))[0]).toBe(`head-removed row ${older.seq}`);
      // What stays has been said again: changed now, it is found.
      store = await world.tamper((raw) => edit(raw, "i/", id(3), id(5)));
      expect(faultsOf(await verifyAll(store))).toContain(`edited instance ${id(3)}`);
      store = await world.tamper((raw) => edit(raw, "i/", id(5), id(3)));
      store = await world.tamper((raw) => edit(raw, "r/", '"name":"other"', '"name":"others"'));
      expect(faultsOf(await verifyAll(store))).toContain("edited rule mypack.other");
      // That nothing was older than the chain is known without its first row.
      store = await world.tamper((raw) => raw.put(`e/${id(-5_000)}`, JSON.stringify(execution(-5_000))));
      expect(faultsOf(await verifyAll(store))).toContain(`added execution ${id(-5_000)}`);
      store = await world.tamper((raw) => raw.put(`e/${id(-5_000)}`, null));
      // Cut again, nothing is lost of what it knows.
      world.clock.at += 10 * 86_400_000;
      await store.purge({ ...policy, before: timestamp(world.clock.at) });
      expect(faultsOf(await verifyAll(store)).sort()).toEqual([
        `deleted enforcement ${fired(3)}`,
        "edited rule mypack.other",
      ]);
    });

    it("that was cut at its front by somebody else is found", async () => {
      const world = await open();
      await fill(world.store);
      world.clock.at = noon + 10 * 86_400_000;
      await world.store.purge({ before: timestamp(world.clock.at), maxInstances: 1e6, batch: 100 });
      const { first } = await world.store.auditHead();
      const store = await world.tamper(async (raw) => {
        const [row] = await raw.rows("ac/");
        await raw.put(row?.[0] ?? "", null);
      });
      expect(faultsOf(await verifyAll(store))).toContain(`row-missing row ${first}`);
    });
  });
}
