import { Buffer } from "node:buffer";
import { describe, expect, test } from "vitest";
import { AccessLog } from "../../../../../agent/watch/who/access-log.ts";
import {
  decodeStatus,
  isOurs,
  statusChange,
  watchRule,
} from "../../../../../agent/watch/who/audit-messages.ts";
import { type AuditAccess, AuditRecords } from "../../../../../agent/watch/who/audit-records.ts";

function record(type: number, text: string, serial = 7): Buffer {
  const head = Buffer.alloc(16);
  head.writeUInt16LE(type, 4);
  return Buffer.concat([head, Buffer.from(`audit(1700000000.123:${serial}): ${text}`)]);
}
const call = (more = "", success = "yes") =>
  `arch=c000003e syscall=257 success=${success} exit=3 a0=ffffff9c items=2 ppid=10 pid=11 auid=1000 uid=33 gid=33 euid=0 comm="touch" exe="/usr/bin/touch" key="petrel-watch"${more}`;
const end = record(1320, "");

describe("records of audit", () => {
  test("become one access once the last has come, with whole paths", () => {
    const records = new AuditRecords();
    expect(records.take(record(1300, call()))).toBe(null);
    expect(records.take(record(1307, 'cwd="/etc/ssl"'))).toBe(null);
    expect(records.take(record(1302, 'item=0 name="./" inode=1 nametype=PARENT'))).toBe(null);
    expect(records.take(record(1302, 'item=1 name="../new" inode=2 nametype=CREATE'))).toBe(null);
    expect(records.take(record(1302, "item=2 name=2F6120FF inode=3 nametype=NORMAL"))).toBe(null);
    expect(records.take(record(1302, "item=3 name=(null) inode=3 nametype=NORMAL"))).toBe(null);
    expect(records.take(record(1327, "proctitle=746F75636800612062"))).toBe(null);
    expect(records.take(end)).toEqual({
      pid: 11,
      parentPid: 10,
      uid: 33,
      loginUid: 1000,
      exe: "/usr/bin/touch",
      args: ["touch", "a b"],
      paths: ["/etc/ssl", "/etc/new", "/a \xff"],
    });
    expect(records.take(end)).toBe(null);
  });

  test.each([
    ["of a call that failed", [record(1300, call("", "no")), end]],
    ["without a call", [record(1302, 'name="/a"'), end]],
    ["of another kind", [record(1305, "op=set audit_enabled=1"), end]],
    ["that are no records", [Buffer.alloc(3), Buffer.from("nonsense, and more of it"), Buffer.alloc(40)]],
  ])("%s are no access", (_, given) => {
    const records = new AuditRecords();
    expect(given.map((bytes) => records.take(bytes))).toEqual(given.map(() => null));
  });

  test("of two calls at once are told apart, and nobody who never logged in has a login", () => {
    const records = new AuditRecords();
    records.take(record(1300, call(), 1));
    records.take(record(1300, call().replace("auid=1000", "auid=4294967295"), 2));
    records.take(record(1302, 'name="/two"', 2));
    records.take(record(1302, 'name="/one"', 1));
    expect(records.take(record(1320, "", 2))).toMatchObject({ paths: ["/two"], loginUid: null });
    expect(records.take(record(1320, "", 1))).toMatchObject({ paths: ["/one"], loginUid: 1000 });
  });
});

test("a rule is what auditctl would send, and is known again by its key", () => {
  const rule = watchRule("/etc", true);
  const number = (at: number) => rule.readUInt32LE(at);
  expect([number(0), number(4), number(8)]).toEqual([4, 2, 3]);
  expect([0, 1, 2].map((at) => [number(268 + at * 4), number(524 + at * 4)])).toEqual([
    [107, 4],
    [106, 10],
    [210, 12],
  ]);
  expect(rule.toString("latin1", 1_040)).toBe("/etcpetrel-watch");
  expect(number(1_036)).toBe(16);
  expect(watchRule("/etc/passwd", false).readUInt32LE(268)).toBe(105);
  expect([isOurs(rule), isOurs(rule.subarray(0, rule.length - 1)), isOurs(Buffer.alloc(4))]).toEqual([
    true,
    false,
    false,
  ]);
});

test("a change of the status says which fields it means", () => {
  const bytes = statusChange({ enabled: 1, backlogWait: 0 });
  expect(bytes.readUInt32LE(0)).toBe(0x21);
  expect(decodeStatus(statusChange({ enabled: 1, backlogLimit: 8_192, backlogWait: 9 }))).toEqual({
    enabled: 1,
    daemon: 0,
    backlogLimit: 8_192,
    backlogWait: 9,
  });
});

test("the access to a path is found by both, by the path alone without a process, and by the process of late", () => {
  const log = new AccessLog();
  const access = (pid: number, ...paths: string[]): AuditAccess => ({
    pid,
    parentPid: 1,
    uid: 0,
    loginUid: null,
    exe: `/bin/${pid}`,
    args: null,
    paths,
  });
  log.add(access(11, "/a", "/b"), 100);
  log.add(access(12, "/b"), 200);
  const found = (pid: number, path: string, at = 300) => log.find(pid, path, at)?.pid ?? null;
  expect([found(0, "/a"), found(0, "/b"), found(11, "/b"), found(12, "/b")]).toEqual([11, 12, 11, 12]);
  expect([found(11, "/c"), found(11, "/c", 100_000), found(0, "/c"), found(13, "/b")]).toEqual([
    11,
    null,
    null,
    null,
  ]);
});
