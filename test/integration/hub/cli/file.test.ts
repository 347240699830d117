/** `petrel file …` over a real store: what people and programs see of changes of files. */
import { expect, onTestFinished, test } from "vitest";
import { openFileDesk } from "../../../../hub/files/file-desk.ts";
import type { Store } from "../../../../hub/store/store.ts";
import type { JsonObject } from "../../../../shared/json.ts";
import { silentLogger } from "../../../../shared/log.ts";
import { systemTimers } from "../../../../shared/system-process.ts";
import { aFileChange } from "../../../support/file-changes.ts";
import { newId } from "../../../support/link-end.ts";
import { petrelHere } from "../../../support/petrel-here.ts";
import { noon } from "../../../support/records.ts";
import { idOf, startApi, takeInstances } from "../../../support/start-api.ts";

async function openDesk(store: Store) {
  const desk = await openFileDesk({
    store,
    now: () => noon,
    newId,
    timers: systemTimers,
    jitter: () => 0,
    log: silentLogger,
  });
  onTestFinished(() => desk.close());
  return desk;
}

async function hubWithChanges(payloads: readonly JsonObject[]) {
  const hub = await startApi({
    acknowledgeChanges: (request) => desk.acknowledge(request),
    openWindow: (request) => desk.openWindow(request),
    closeWindow: (id, user) => desk.closeWindow(id, user),
    windows: (all) => desk.windows(all),
  });
  const desk = await openDesk(hub.store);
  const changes = payloads.map((payload, n) => aFileChange(payload, { id: idOf(n + 1) }));
  await takeInstances(hub.store, changes);
  await hub.listen();
  const petrel = (...args: string[]) => petrelHere(["file", ...args, "--data", hub.folder]);
  const json = async (...args: string[]) => JSON.parse((await petrel(...args, "--json")).stdout);
  return { ...hub, desk, petrel, json };
}

const ids = (rows: readonly { readonly id: string }[]) => rows.map(({ id }) => id);

test("changes are listed by pattern, user, program and labels, and what is acknowledged can be left out", async () => {
  const { petrel, json } = await hubWithChanges([
    {},
    { path: "/etc/hosts", status: "created", actor: { unknown: "gone" }, via: "dpkg", burst: "B1" },
    { path: "/srv/new\u001b[31m", old_path: "/srv/old", status: "renamed", children: 3, severity: "high" },
  ]);
  const changes = await json("changes");
  expect(ids(changes)).toEqual([idOf(3), idOf(2), idOf(1)]);
  expect(changes[2]).toEqual({
    id: idOf(1),
    agent: "web-1",
    host: "web-1.example",
    time: "2026-11-22T11:59:00.000Z",
    received_at: new Date(noon).toISOString(),
    late: false,
    status: "modified",
    path: "/etc/ssh/sshd_config",
    old_path: null,
    kind: "file",
    user: "root",
    exe: "/usr/bin/vim.basic",
    via: null,
    detected_by: "event",
    offline: false,
    severity: "info",
    burst: null,
    expected: null,
    acknowledged: null,
    payload: aFileChange().payload,
  });
  const table = (await petrel("changes")).stdout.split("\n");
  expect(table[0]).toMatch(/^ID +WHEN +AGENT +STATUS +PATH +USER +PROGRAM +FLAGS$/);
  expect(table[1]).toContain("/srv/old → /srv/new");
  expect(table[1]).toMatch(/\(and 3 below\) .* high$/);
  expect(table[1]).not.toContain("\u001b");
  expect(table[2]).toMatch(/created +\/etc\/hosts +unknown +- +via dpkg, burst$/);
  expect(ids(await json("changes", "--path", "/etc/*"))).toEqual([idOf(2)]);
  expect(ids(await json("changes", "--user", "ann", "--exe", "vim*", "--status", "modified"))).toEqual([
    idOf(1),
  ]);
  expect(ids(await json("changes", "--labels", "role=web,site=bonn"))).toEqual([]);
  expect(ids(await json("changes", "--via", "dpkg", "--since", "2026-01-01"))).toEqual([idOf(2)]);

  const said = await petrel("ack", idOf(1), idOf(2), idOf(1), "--reason", "ticket 1");
  expect(said.stdout.split("\n").map((line) => line.replace(/ by \S+/, " by me"))).toEqual([
    `${idOf(1)} acknowledged by me at 2026-11-22T12:00:00.000Z: ticket 1`,
    `${idOf(2)} acknowledged by me at 2026-11-22T12:00:00.000Z: ticket 1`,
    "",
  ]);
  const again = await json("ack", idOf(1), "--reason", "another");
  expect(again).toMatchObject([{ change: idOf(1), reason: "ticket 1" }]);
  expect(ids(await json("changes", "--unacknowledged"))).toEqual([idOf(3)]);
  expect((await petrel("changes", "--path", "hosts")).stdout).toContain("via dpkg, acknowledged, burst");
  const lines = (await petrel("changes", "--ndjson", "--path", "/etc/**")).stdout.trim().split("\n");
  expect(lines.map((line) => JSON.parse(line).acknowledged.reason)).toEqual(["ticket 1", "ticket 1"]);
});

test("a path's history includes what it was called before, and needs the agent", async () => {
  const { petrel, json } = await hubWithChanges([
    { path: "/etc/a", status: "created", changed: [] },
    { path: "/etc/b", old_path: "/etc/a", status: "renamed" },
    { path: "/etc/b" },
  ]);
  expect(ids(await json("history", "/etc/a", "--agent", "web-1"))).toEqual([idOf(2), idOf(1)]);
  const { stdout } = await petrel("history", "/etc/b", "--agent", "web-1", "-n", "1");
  expect(stdout).toMatch(/2026-11-22T11:59:00.000Z +modified +size content +root/);
  expect(await json("history", "/etc/b", "--agent", "db-1")).toEqual([]);
  expect(await petrel("history", "/etc/b")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--agent"),
  });
});

test("a difference is shown as the agent kept it, or why there is none", async () => {
  const { petrel, json } = await hubWithChanges([
    { diff: { text: "-a\n+b", truncated: true, masked: true } },
    {},
    { kind: "directory" },
    { status: "attributes" },
    { diff_missing: "larger than 1 MiB" },
  ]);
  const shown = await petrel("diff", idOf(1));
  expect(shown).toMatchObject({ code: 0, stdout: "-a\n+b\n" });
  expect(shown.stderr.split("\n")).toHaveLength(3);
  const why = async (n: number) => (await petrel("diff", idOf(n))).stdout;
  expect(await why(2)).toContain("diff: true");
  expect(await why(3)).toContain("directory");
  expect(await why(4)).toContain("did not change");
  expect(await why(5)).toBe("no difference was kept: larger than 1 MiB\n");
  expect(await json("diff", idOf(5))).toMatchObject({ id: idOf(5), diff: null, why: "larger than 1 MiB" });
  expect(await json("diff", idOf(1))).toMatchObject({ diff: "-a\n+b", why: null });
});

test("what is no change, no pattern and no reason is refused, and nothing is acknowledged", async () => {
  const { petrel, json, store } = await hubWithChanges([{}]);
  const codes = async (...args: string[]) => {
    const { code, stderr } = await petrel(...args);
    return [code, stderr.split(":")[0]];
  };
  expect(await codes("ack", idOf(1), idOf(9), "--reason", "x")).toEqual([1, "NOT_FOUND"]);
  expect(await codes("ack", idOf(1), "--reason", " ")).toEqual([2, "API_BAD_REQUEST"]);
  expect(await codes("ack", idOf(1))).toEqual([2, "CLI_USAGE"]);
  expect(await codes("changes", "--path", "/etc/[")).toEqual([2, "WATCH_GLOB"]);
  expect(await codes("changes", "--labels", "role")).toEqual([2, "API_BAD_REQUEST"]);
  expect(await codes("changes", "--status", "changed")).toEqual([2, "API_BAD_REQUEST"]);
  expect(await codes("diff", idOf(9))).toEqual([1, "NOT_FOUND"]);
  expect((await store.fileChange(idOf(1)))?.ack).toBeNull();
  expect(await json("changes", "--unacknowledged")).toHaveLength(1);
});

test("a window is opened, seen, counts for what comes, and is closed once", async () => {
  const { folder, store, desk } = await hubWithChanges([{}]);
  const petrel = (...args: string[]) => petrelHere(["change", ...args, "--data", folder]);
  const open = [
    "open",
    "--labels",
    "role=web,site=berlin",
    "--paths",
    "/etc/**",
    "--for",
    "30m",
    "--reason",
    "t 1",
  ];
  const opened = JSON.parse((await petrel(...open, "--paths", "*.conf", "--json")).stdout);
  expect(opened).toMatchObject({
    labels: { role: "web", site: "berlin" },
    agent: null,
    paths: ["/etc/**", "*.conf"],
    reason: "t 1",
    opened_at: new Date(noon).toISOString(),
    until: new Date(noon + 1_800_000).toISOString(),
    closed_at: null,
  });
  const late = aFileChange({ time: opened.opened_at }, { id: idOf(2) });
  await takeInstances(store, [desk.expect(late, 0)]);
  const files = async (...args: string[]) =>
    JSON.parse((await petrelHere(["file", "changes", ...args, "--json", "--data", folder])).stdout);
  expect(ids(await files("--unexpected"))).toEqual([idOf(1)]);
  expect((await files())[0].expected).toEqual({ id: opened.id, reason: "t 1" });
  expect((await petrel("list")).stdout).toMatch(
    /^ID +WHERE .*\n\S+ +role=web site=berlin +\/etc\/\*\* \*\.conf /,
  );

  const closed = JSON.parse((await petrel("close", opened.id, "--json")).stdout);
  expect(closed).toMatchObject({ id: opened.id, closed_at: opened.opened_at, rev: 2 });
  expect(JSON.parse((await petrel("close", opened.id, "--json")).stdout)).toEqual(closed);
  expect((await petrel("list")).stdout).toBe("none\n");
  expect(JSON.parse((await petrel("list", "--all", "--json")).stdout)).toEqual([closed]);

  const refused = async (...args: string[]) => (await petrel(...args)).stderr.split(":")[0];
  const rest = ["--for", "1h", "--reason", "x"];
  expect(await refused("open", "--paths", "/etc/**", ...rest)).toBe("WINDOW_INVALID");
  expect(await refused("open", "--agent", "web-1", "--paths", "/etc/[", ...rest)).toBe("WATCH_GLOB");
  expect(await refused("open", "--agent", "a", "--paths", "/a", "--for", "60d", "--reason", "x")).toBe(
    "API_BAD_REQUEST",
  );
  expect(await refused("open", "--agent", "a", "--paths", "/a", "--for", "soon", "--reason", "x")).toBe(
    "CLI_USAGE",
  );
  expect(await refused("close", idOf(7))).toBe("NOT_FOUND");
  expect(await store.changeWindows()).toEqual([closed]);
});

test("windows that somebody else opened, before and after the start, are known", async () => {
  const { store, desk } = await hubWithChanges([]);
  const window = await desk.openWindow({
    labels: {},
    agent: "web-1",
    paths: ["/etc/**"],
    seconds: 60,
    reason: "x",
    user: "ann",
  });
  const other = await openDesk(store);
  expect(other.windows(true)).toEqual([window]);
  const closed = await other.closeWindow(window.id, "bob");
  expect(desk.windows(true)).toEqual([closed]);
  expect(desk.windows(false)).toEqual([]);
});
