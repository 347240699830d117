import { describe, expect, test } from "vitest";
import { heard, lagNow, packetCame } from "../../../../hub/figures/lag.ts";
import { Rate } from "../../../../hub/figures/rate.ts";
import { Tally } from "../../../../hub/figures/tally.ts";
import { type FleetOptions, topAgents } from "../../../../hub/figures/top.ts";
import type { Change } from "../../../../hub/store/port/changes.ts";
import type { Execution, Status } from "../../../../shared/model/execution.ts";
import { agentFigures, anAgent, anExecution, anInstance, noon } from "../../../support/records.ts";

describe("a rate", () => {
  const steady = (perSecond: number, seconds: number) => {
    const rate = new Rate();
    for (let i = 0; i < perSecond * seconds; i++) rate.add((i * 1_000) / perSecond);
    return rate.at(seconds * 1_000);
  };

  test.each([2, 20, 120])("of ten a second is ten after %d s", (seconds) => {
    expect(steady(10, seconds)).toBeCloseTo(10, 0);
  });

  test("fades when nothing happens any more", () => {
    const rate = new Rate();
    for (let i = 0; i < 100; i++) rate.add(i * 100);
    expect(rate.at(70_000)).toBeLessThan(0.1);
    expect(new Rate().at(5)).toBe(0);
  });
});

describe("how far an agent is behind", () => {
  test("is what its last packet said, and nothing while it has only been heard", () => {
    expect(lagNow(heard(null, 5), 6)).toEqual({ backlog: 0, lag_ms: 0 });
    const lag = packetCame(null, { more: 40, lagMs: 3_000 }, 10);
    expect(lagNow(lag, 11)).toEqual({ backlog: 40, lag_ms: 3_000 });
    // It still has them, however long it says nothing.
    expect(lagNow(heard(lag, 60_000), 60_000)).toEqual({ backlog: 40, lag_ms: 3_000 });
  });

  test("counts the old epoch's entries, while fresh ones pass in turns with them", () => {
    let lag = packetCame(null, { more: 900, lagMs: 60_000 }, 0);
    lag = packetCame(lag, { more: 850, lagMs: 5 }, 1);
    expect(lagNow(lag, 2)).toEqual({ backlog: 850, lag_ms: 60_000 });
    lag = packetCame(lag, { more: 0, lagMs: 5 }, 6_000);
    expect(lagNow(lag, 6_001)).toEqual({ backlog: 0, lag_ms: 5 });
  });

  test("is nothing a while after the last entry came, and never less than nothing", () => {
    const lag = packetCame(null, { more: 0, lagMs: 9_000 }, 0);
    expect(lagNow(lag, 10_000)).toEqual({ backlog: 0, lag_ms: 0 });
    expect(lagNow(packetCame(null, { more: 0, lagMs: -50 }, 0), 1).lag_ms).toBe(0);
    expect(lagNow(packetCame(null, { more: 3, lagMs: null }, 0), 1)).toEqual({ backlog: 3, lag_ms: 0 });
  });
});

describe("a tally", () => {
  const instance = (status: "pending" | "processed", agent = "web-1"): Change => ({
    type: "instance",
    instance: anInstance({ status, origin: { agent, host: null, labels: {} } }),
  });
  const execution = (id: string, status: Status, rev: number, over: Partial<Execution> = {}): Change => ({
    type: "execution",
    execution: anExecution({ id, status, rev, agent: "web-1", ...over }),
  });

  test("counts an instance once, whether it is judged at once or later", () => {
    const tally = new Tally();
    tally.note([instance("pending"), instance("processed"), instance("processed", "web-2")], 0);
    expect(tally.totals(1_000)).toMatchObject({ triggers: 2 });
    expect(tally.rates("web-1", 1_000).triggers_per_s).toBeGreaterThan(0.8);
    expect(tally.rates("web-3", 1_000)).toEqual({ triggers_per_s: 0, executions_per_s: 0, failed: 0 });
  });

  test("counts reports that changed nothing by why, from 0", () => {
    const tally = new Tally();
    tally.idleReports(["late", "duplicate", "late"]);
    expect(tally.totals(0).reports_without_effect).toEqual({ duplicate: 1, late: 2, unfit: 0 });
  });

  test("counts an execution when it is made and when it ends, by how", () => {
    const tally = new Tally();
    tally.note([execution("a", "scheduled", 1), execution("a", "running", 2)], 0);
    tally.note(
      [execution("a", "succeeded", 3), execution("b", "scheduled", 1), execution("b", "failed", 2)],
      1,
    );
    // A late result: the record has ended before.
    tally.note([execution("b", "failed", 3, { late_result: { stdout: "x" } })], 2);
    expect(tally.totals(3)).toMatchObject({ executions: 2, ended: { succeeded: 1, failed: 1 } });
    expect(tally.rates("web-1", 3).failed).toBe(1);
  });

  test("keeps the last chains, newest first, each once and with what it took", () => {
    const tally = new Tally();
    for (let i = 0; i < 150; i++) tally.note([execution(`e${i}`, "scheduled", 1)], i);
    const end_timestamp = new Date(noon + 250).toISOString();
    const created_at = new Date(noon).toISOString();
    tally.note([execution("e60", "succeeded", 2, { created_at, end_timestamp })], 200);
    const chains = tally.chains(1_000);
    expect(chains).toHaveLength(100);
    expect(chains[0]).toMatchObject({ execution: "e60", status: "succeeded", took_ms: 250 });
    expect(chains[1]).toMatchObject({ execution: "e149", took_ms: null });
    expect(tally.chains(2)).toHaveLength(2);
  });
});

describe("the agents to look at first", () => {
  const rows = [
    agentFigures({ id: "idle" }),
    agentFigures({ id: "busy", triggers_per_s: 50 }),
    agentFigures({ id: "late", lag_ms: 9_000 }),
    agentFigures({ id: "behind", backlog: 400 }),
    agentFigures({ id: "away", state: "away", undelivered: 0 }),
    agentFigures({ id: "away-with-work", state: "away", undelivered: 7 }),
    agentFigures({ id: "twin", state: "conflict" }),
    agentFigures({ id: "full", state: "degraded" }),
  ];
  const fleet: FleetOptions = {
    agents: rows.map(({ id, state }) =>
      anAgent({
        id,
        online: state !== "away",
        ...(state === "degraded" && { degraded: "its disk is full" }),
        ...(state === "conflict" && { conflict: { since: "", parties: [] } }),
      }),
    ),
    session: (id) => rows.find((row) => row.id === id) ?? null,
    rates: (id) => rows.find((row) => row.id === id) ?? agentFigures(),
  };
  const ids = (order: "lag" | "rate" | "id", limit = 100) =>
    topAgents(fleet, order, limit).map(({ id }) => id);

  test("are those in conflict, those behind, those late, those away, then the busy", () => {
    expect(ids("lag")).toEqual(["twin", "full", "behind", "away-with-work", "late", "away", "busy", "idle"]);
  });

  test("or the busy, or all by name; ties go by name; never more than were asked for", () => {
    expect(ids("rate", 3)).toEqual(["busy", "away", "away-with-work"]);
    expect(ids("id")).toEqual(rows.map(({ id }) => id).sort());
  });

  test.each(["lag", "rate", "id"] as const)(
    "are the same first ones however many are asked for, by %s",
    (order) => {
      const all = ids(order);
      for (let limit = 0; limit <= all.length; limit++)
        expect(ids(order, limit)).toEqual(all.slice(0, limit));
    },
  );

  test("are found among ten thousand without reading anything of those that are not shown", () => {
    const agents = Array.from({ length: 10_000 }, (_, i) => anAgent({ id: `host-${i}` }));
    const top = topAgents(
      {
        agents,
        session: (id) => (id === "host-7777" ? agentFigures({ backlog: 5 }) : null),
        rates: () => ({ triggers_per_s: 0, executions_per_s: 0, failed: 0 }),
      },
      "lag",
      2,
    );
    expect(top.map(({ id }) => id)).toEqual(["host-7777", "host-0"]);
  });
});
