import { describe, expect, test } from "vitest";
import type { AgentCase } from "../../../../agent/doctor/agent-case.ts";
import { agentBundle } from "../../../../agent/doctor/bundle.ts";
import { certificateFound, enrolledFound } from "../../../../agent/doctor/judge-identity.ts";
import {
  clockFound,
  hubVersionFound,
  lifeFound,
  linkFound,
  outboxFound,
  type RunningCase,
  recentFound,
  sensorsFound,
  watchingFound,
} from "../../../../agent/doctor/judge-running.ts";
import { fanotifyFound, inotifyFound, openFilesFound } from "../../../../agent/doctor/kernel.ts";
import { type PythonFacts, pythonFound } from "../../../../agent/doctor/programs.ts";
import { type Reach, reachFound } from "../../../../agent/doctor/reach.ts";
import type { AgentStatus } from "../../../../agent/status/status.ts";
import { type AgentConfig, agentSettings } from "../../../../shared/config/agent-config.ts";
import { resolveConfig } from "../../../../shared/config/config.ts";
import type { Found } from "../../../../shared/doctor/finding.ts";
import type { CoveredPath, WatchCoverage } from "../../../../shared/watch/questions.ts";
import { aStatus } from "../../../support/agent-status.ts";
import { noon } from "../../../support/records.ts";

const shown = (found: readonly Found[]) => found.map(({ level, where }) => `${level} ${where}`);
const minute = 60_000;
const day = 86_400_000;
const quiet: AgentStatus = aStatus({ sensors: [] });
const running = (
  status: Partial<AgentStatus> = {},
  over: Partial<RunningCase["agent"]> = {},
): RunningCase => ({
  root: "/",
  data: "/data",
  owner: 0,
  uid: 0,
  version: "1.0.0",
  now: noon + minute,
  env: {},
  configFile: null,
  config: resolveConfig<AgentConfig>(agentSettings, { env: {}, flags: {} }),
  fleet: null,
  hub: "mqtts://hub:8883",
  agent: { status: { ...quiet, ...status }, coverage: null, recent: [], ...over },
});
const without = (agent: "stopped" | "between" | "closed" | "silent"): AgentCase => ({ ...running(), agent });

describe("its life", () => {
  test.each<[AgentCase, string]>([
    [running(), "ok agent web-1"],
    [running({ degraded: "its disk is nearly full" }), "fault agent web-1"],
    [running({ version: "0.9.0" }), "warning agent web-1"],
    [without("stopped"), "fault /data"],
    [without("between"), "warning /data"],
    [without("silent"), "fault /data"],
    [without("closed"), "note /data"],
  ])("%#", (of, expected) => {
    expect(shown(lifeFound(of))).toEqual([expected]);
  });
});

describe("its link", () => {
  const hub = "mqtt://127.0.0.1:1883";
  const identity = { agent: "web-1", fingerprint: "f", root: "r", certificate_ends: "" };
  test.each<[Partial<AgentStatus>, readonly string[]]>([
    [{}, [`ok ${hub}`]],
    [{ link_up: false }, [`fault ${hub}`]],
    [{ link_up: false, connected: false }, [`fault ${hub}`]],
    [{ credit: { entries: 0, bytes: 5 } }, [`warning ${hub}`]],
    [{ identity: { ...identity, refused: { code: "IDENTITY_CLOCK", message: "m" } } }, [`fault ${hub}`]],
    [{ link: { ...quiet.link, refused: { WIRE_AUTH: 2, WIRE_REPEATED: 9 } } }, [`warning ${hub}`]],
  ])("%#", (status, expected) => {
    expect(shown(linkFound(running(status)))).toEqual(expected);
  });

  test.each<[Partial<AgentStatus>, RegExp]>([
    [{ later_protocol: 2 }, /later protocol: 2 of its messages/],
    // Of another outage: long ago the hub was a later one, or somebody spoke in its name.
    [{ link: { ...quiet.link, refused: { WIRE_VERSION: 2 } } }, /the hub does not answer/],
    [
      { later_protocol: 2, connected: false, link: { ...quiet.link, refused: { WIRE_VERSION: 2 } } },
      /the broker is not reached/,
    ],
  ])("that is down is the protocol's fault only when that shows now: %#", (status, what) => {
    expect(linkFound(running({ link_up: false, ...status }))[0]?.what).toMatch(what);
  });

  test.each<[Partial<AgentStatus>, readonly string[]]>([
    [{}, ["ok outbox"]],
    [{ outbox: { entries: 2, bytes: 9, kept_bytes: 0, oldest_at: quiet.started_at } }, ["ok outbox"]],
    [
      { outbox: { entries: 2, bytes: 250 * 1024 ** 2, kept_bytes: 0, oldest_at: quiet.started_at } },
      ["warning outbox"],
    ],
    [
      { outbox: { entries: 2, bytes: 9, kept_bytes: 0, oldest_at: new Date(noon - day).toISOString() } },
      ["warning outbox"],
    ],
    [{ store: { ...quiet.store, failed: true } }, ["fault /data"]],
  ])("what waits for it: %#", (status, expected) => {
    expect(shown(outboxFound(running(status)))).toEqual(expected);
  });

  test.each([
    ["1.0.0", "ok"],
    ["1.1.0", "note"],
    [null, "note"],
  ])("the hub's version is %s", (hub_version, level) => {
    expect(hubVersionFound(running({ hub_version })).map((found) => found.level)).toEqual([level]);
  });

  test.each([
    ["1.1.0", "1.0.0", /^upgrade this agent: petrel-agent upgrade FILE/],
    ["1.2.0", "1.0.0", /^step by step .*upgrade this agent/],
    ["1.0.0", "1.1.0", /^upgrade the hub, on its host: petrel upgrade FILE/],
    ["1.0.0", "1.2.0", /^step by step .*upgrade the hub/],
    ["1.0.0", "of-mine", /^upgrade the older one/],
  ])(
    "of a hub that is %s and an agent that is %s one hears which to upgrade",
    (hub_version, version, fix) => {
      expect(hubVersionFound(running({ hub_version, version }))[0]?.fix).toMatch(fix);
    },
  );
});

describe("its clock", () => {
  test.each<[AgentCase, number | null, string]>([
    [running({ skew_ms: -20_000 }), null, "ok"],
    [running({ skew_ms: 31_000 }), null, "fault"],
    [running({ skew_ms: -31_000 }), noon, "fault"],
    [without("stopped"), noon + day, "fault"],
    [without("stopped"), noon, "note"],
    [without("stopped"), null, "note"],
  ])("%#", (of, issuedAt, level) => {
    expect(clockFound(of, issuedAt).map((found) => found.level)).toEqual([level]);
  });
});

describe("its identity", () => {
  const fleet = {
    v: 1,
    agent: "web-1",
    hub: "mqtts://h",
    enroll: "mqtts://h",
    root: "r",
    serial: 1,
  } as const;
  test.each<[AgentCase, string]>([
    [{ ...running(), fleet }, "ok"],
    [running({ identity: null }), "note"],
    [without("stopped"), "fault"],
    [{ ...running(), fleet: new Error("broken") }, "fault"],
    [{ ...running(), fleet: Object.assign(new Error("no"), { code: "EACCES", path: "/x" }) }, "note"],
  ])("%#", (of, level) => {
    expect(enrolledFound(of).map((found) => found.level)).toEqual([level]);
  });

  test.each([
    [noon + 20 * day, "ok"],
    [noon + 9 * day, "warning"],
    [noon - 1, "fault"],
  ])("a certificate until %d", (notAfter, level) => {
    const life = { issuedAt: notAfter - 30 * day, notAfter };
    expect(certificateFound(life, { now: noon, where: "/c" }).map((found) => found.level)).toEqual([level]);
  });
});

describe("its sensors", () => {
  test("those that do not run, and what they said only where that is wanted", () => {
    const of = running(aStatus());
    expect(sensorsFound(of, true)).toMatchObject([
      { level: "warning", where: "p.B", what: "it is backing-off, after 3 restarts: boom" },
    ]);
    expect(JSON.stringify(sensorsFound(of, false))).not.toContain("boom");
    expect(shown(sensorsFound(running(), true))).toEqual(["ok sensors"]);
  });

  const path = (over: Partial<CoveredPath>): CoveredPath => ({
    path: "/etc",
    state: "live",
    backend: "fanotify",
    mount: "/",
    filesystem: "ext4",
    reason: "",
    cannot_see: [],
    ...over,
  });
  const watched = (over: Partial<WatchCoverage>): RunningCase =>
    running(
      {},
      {
        coverage: {
          paths: [path({})],
          left_out: 0,
          unreadable: 0,
          unreadable_paths: [],
          sweep: { every: 1, full_every: 1, last: null },
          ...over,
        },
      },
    );
  test.each<[RunningCase, readonly string[]]>([
    [running(), ["ok watching"]],
    [watched({}), ["ok watching"]],
    [watched({ paths: [path({}), path({ path: "/nfs", state: "polled" })] }), ["note /nfs"]],
    [watched({ paths: [path({ state: "blind", reason: "fanotify_init: EPERM" })] }), ["fault /etc"]],
    [watched({ unreadable: 2, unreadable_paths: [{ path: "/x", error: "EACCES" }] }), ["warning /x"]],
    [watched({ who: { asked: "audit", missing: ["no audit here"] } }), ["note watching"]],
  ])("what they watch: %#", (of, expected) => {
    expect(shown(watchingFound(of))).toEqual(expected);
  });

  test.each([
    [[], "ok"],
    [[`${new Date(noon).toISOString()} WARN  it rains`], "ok"],
    [[`${new Date(noon).toISOString()} ERROR it burns`], "note"],
    [[`{"at":"${new Date(noon).toISOString()}","level":"error","message":"x"}`], "note"],
    [[`${new Date(noon - day).toISOString()} ERROR it burnt`], "ok"],
  ])("the last errors: %j", (recent, level) => {
    expect(recentFound(running({}, { recent })).map((found) => found.level)).toEqual([level]);
  });
});

describe("the way to the hub", () => {
  const reach: Reach = {
    hub: "mqtts://h:8883",
    addresses: ["10.0.0.1"],
    stage: "login",
    problem: null,
    noLogin: null,
  };
  const trouble = (code: string) => ({ code, message: "m" });
  test.each<[Partial<Reach>, readonly string[], RegExp]>([
    [{}, ["ok"], /10\.0\.0\.1/],
    [{ stage: "tls", noLogin: "it runs" }, ["ok", "note"], /fleet/],
    [{ stage: "name", problem: trouble("ENOTFOUND"), addresses: [] }, ["fault"], /not resolved: ENOTFOUND/],
    [{ stage: "port", problem: trouble("ECONNREFUSED") }, ["fault"], /does not answer/],
    [{ stage: "tls", problem: trouble("HUB_UNTRUSTED") }, ["fault"], /trust/],
    [{ stage: "login", problem: trouble("IDENTITY_UNKNOWN") }, ["fault"], /let this agent in/],
  ])("%j", (over, levels, what) => {
    const found = reachFound({ ...reach, ...over });
    expect(found.map(({ level }) => level)).toEqual(levels);
    expect(found[0]?.what).toMatch(what);
  });

  test("a port is named as one types it", () => {
    const [found] = reachFound({ ...reach, stage: "port", problem: trouble("ETIMEDOUT") });
    expect(found?.fix).toContain("nc -vz h 8883");
  });
});

describe("the kernel", () => {
  test.each([
    [null, true, "ok"],
    ["fanotify_init: EPERM", false, "note"],
    ["fanotify_init: EPERM", true, "warning"],
    ["fanotify_init: ENOSYS", true, "warning"],
    ["no system calls: no koffi", true, "warning"],
  ])("fanotify: %s", (problem, isRoot, level) => {
    expect(fanotifyFound(problem, isRoot).map((found) => found.level)).toEqual([level]);
  });

  const inotify = { maxWatches: 100, maxInstances: 10, watches: 0, instances: 0 };
  test.each([
    [null, ["note /proc/sys/fs/inotify"]],
    [inotify, ["ok inotify"]],
    [{ ...inotify, watches: 80 }, ["warning fs.inotify.max_user_watches"]],
    [{ ...inotify, instances: 9 }, ["warning fs.inotify.max_user_instances"]],
  ])("inotify: %j", (facts, expected) => {
    expect(shown(inotifyFound(facts))).toEqual(expected);
  });

  test.each([
    [{ limit: 1_024, used: 10 }, "warning"],
    [{ limit: 20_000, used: 19_000 }, "warning"],
    [{ limit: 20_000, used: null }, "ok"],
    [{ limit: Number.POSITIVE_INFINITY, used: 10 }, "ok"],
  ])("open files: %j", (facts, level) => {
    expect(openFilesFound({ ...facts, of: "x" }).map((found) => found.level)).toEqual([level]);
  });
});

describe("python3", () => {
  const python: PythonFacts = {
    version: "3.11.2",
    place: "/usr/bin/python3",
    missing: [],
    missingForVenv: [],
    problem: null,
    packs: [],
  };
  const pack = { ref: "p", needsVenv: false };
  test.each<[Partial<PythonFacts>, string]>([
    [{}, "ok"],
    [{ version: "3.6.9" }, "warning"],
    [{ version: null }, "note"],
    [{ version: null, packs: [pack] }, "fault"],
    [{ version: null, problem: "Illegal instruction", packs: [pack] }, "fault"],
    [{ missing: ["json"] }, "note"],
    [{ missing: ["json"], packs: [pack] }, "fault"],
    [{ missingForVenv: ["venv"] }, "note"],
    [{ missingForVenv: ["venv"], packs: [pack] }, "note"],
    [{ missingForVenv: ["venv"], packs: [{ ...pack, needsVenv: true }] }, "fault"],
  ])("%j", (over, level) => {
    expect(pythonFound({ ...python, ...over }).map((found) => found.level)).toEqual([level]);
  });
});

test("a bundle has no word of what sensors said", () => {
  const said = "Planted-9f3c71";
  const sensors = aStatus().sensors.map((sensor) => ({ ...sensor, last_error: said, problem: said }));
  const recent = [`2026-01-01T00:00:00.000Z ERROR sensor error error=${said} sensor=p.A`];
  const of = running({ sensors }, { recent });
  const parts = agentBundle({
    agentCase: of,
    findings: sensorsFound(of, false).map((found) => ({ check: "sensors", group: "packs", ...found })),
    system: {},
    metrics: null,
    journal: recent,
  });
  expect(JSON.stringify(parts)).not.toContain(said);
  expect(parts.map(({ name }) => name)).toContain("status.json");
});
