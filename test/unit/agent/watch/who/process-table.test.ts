import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isLinker } from "../../../../../agent/watch/who/exec-events.ts";
import { type ProcessEntry, ProcessTable, programAt } from "../../../../../agent/watch/who/process-table.ts";

const gone = { exe: null, args: null };
const linker = "/lib64/ld-linux-x86-64.so.2";
const opened = (table: ProcessTable, pid: number, ...paths: readonly string[]) => {
  for (const path of paths) table.opened(pid, path, isLinker(path));
};
const shell = (table: ProcessTable, pid = 10) =>
  table.learn(pid, { exe: "/bin/sh", args: ["sh"], uid: 1_000 }, null);
const exeAt = (table: ProcessTable, pid: number, time: number) => {
  const entry = table.at(pid, time);
  return entry === null ? null : programAt(entry, time).exe;
};

describe("a process that is gone before anybody looks", () => {
  test("that only forked is its parent's program, user and execution", () => {
    const table = new ProcessTable();
    shell(table).execution = "e1";
    table.fork(11, 10, 100);
    table.exit(11, 101);
    expect(table.get(11)).toMatchObject({ uid: 1_000, execution: "e1", program: { exe: "/bin/sh" } });
    expect(table.get(11)?.parent?.pid).toBe(10);
  });

  test.each([
    ["told before its start", ["open", "start"]],
    ["told after its start", ["start", "open"]],
    ["told after its end", ["start", "end", "open"]],
  ])("is the program that was opened, %s", (_, order) => {
    const table = new ProcessTable();
    shell(table);
    table.fork(11, 10, 100);
    for (const step of order) {
      if (step === "open") opened(table, 11, "/usr/bin/touch", linker);
      else if (step === "start") table.exec(11, 101, gone);
      else table.exit(11, 102);
    }
    expect(exeAt(table, 11, 103)).toBe("/usr/bin/touch");
    // Not its parent's.
    expect(table.get(11)?.program.args).toBe(null);
  });

  test("is the interpreter of a script, not the script", () => {
    const table = new ProcessTable();
    shell(table);
    table.fork(11, 10, 100);
    table.exec(11, 101, gone);
    opened(table, 11, "/opt/script", "/usr/bin/python3", linker);
    expect(exeAt(table, 11, 103)).toBe("/usr/bin/python3");
  });

  test("is the last of two programs, though nothing was told in time", () => {
    const table = new ProcessTable();
    shell(table);
    table.fork(11, 10, 100);
    table.exec(11, 101, gone);
    table.exec(11, 102, gone);
    table.exit(11, 103);
    opened(table, 11, "/bin/sh", linker, "/usr/bin/touch", linker);
    expect(exeAt(table, 11, 104)).toBe("/usr/bin/touch");
  });

  test("is the last of two programs, though both were told ahead of their start", () => {
    const table = new ProcessTable();
    shell(table);
    opened(table, 11, "/bin/sh", linker, "/usr/bin/touch", linker);
    table.fork(11, 10, 100);
    table.exec(11, 101, gone);
    table.exec(11, 102, gone);
    table.exit(11, 103);
    expect(exeAt(table, 11, 104)).toBe("/usr/bin/touch");
  });

  test("hands what is told late on to those it forked", () => {
    const table = new ProcessTable();
    shell(table);
    table.fork(11, 10, 100);
    table.exec(11, 101, gone);
    table.fork(12, 11, 102);
    opened(table, 11, "/bin/bash", linker);
    expect(exeAt(table, 12, 103)).toBe("/bin/bash");
  });
});

describe("a process", () => {
  test("is what it ran at the time, not what it runs now", () => {
    const table = new ProcessTable();
    shell(table);
    table.exec(10, 200, { exe: "/usr/bin/vim", args: ["vim"] });
    expect(exeAt(table, 10, 199)).toBe("/bin/sh");
    expect(exeAt(table, 10, 200)).toBe("/usr/bin/vim");
    for (let n = 0; n < 100; n++) table.exec(10, 300 + n, { exe: `/bin/${n}`, args: [] });
    let count = 0;
    for (let program = table.get(10)?.program ?? null; program !== null; program = program.before) count++;
    expect(count).toBeLessThan(10);
  });

  test("is not mistaken for the one that has its number now", () => {
    const table = new ProcessTable();
    shell(table);
    table.fork(11, 10, 100);
    table.exec(11, 101, { exe: "/usr/bin/touch", args: ["touch"] });
    table.exit(11, 102);
    table.fork(11, 10, 500);
    table.exec(11, 501, { exe: "/usr/bin/rm", args: ["rm"] });
    expect(exeAt(table, 11, 103)).toBe("/usr/bin/touch");
    expect(exeAt(table, 11, 502)).toBe("/usr/bin/rm");
  });

  test("changes its user when the kernel says so", () => {
    const table = new ProcessTable();
    shell(table);
    table.fork(11, 10, 1);
    table.changedUid(11, 33);
    table.changedUid(99, 33);
    expect([table.get(10)?.uid, table.get(11)?.uid]).toEqual([1_000, 33]);
  });

  test("is in doubt once events were lost, until it starts a program or is looked at", () => {
    const table = new ProcessTable();
    shell(table);
    table.doubt();
    table.fork(11, 10, 1);
    table.fork(12, 10, 1);
    table.exec(12, 2, gone);
    expect([10, 11, 12].map((pid) => table.get(pid)?.isCertain)).toEqual([false, false, true]);
    shell(table);
    expect(table.get(10)?.isCertain).toBe(true);
  });

  test("of which nothing is known is nobody's child", () => {
    const table = new ProcessTable();
    table.fork(11, 10, 1);
    table.exec(20, 1, { exe: "/bin/x", args: ["x"] });
    expect(table.get(11)).toMatchObject({ parent: null, program: { exe: null } });
    expect(table.get(20)).toMatchObject({ parent: null, program: { exe: "/bin/x" } });
  });
});

describe("what is kept", () => {
  test("after the end is bounded, and longer for those that changed something", () => {
    const table = new ProcessTable({ ended: 10, all: 1_000 });
    for (let pid = 100; pid < 200; pid++) {
      table.fork(pid, 1, pid);
      const entry = table.get(pid);
      if (entry !== null && pid % 20 === 0) entry.noticedAt = pid;
      table.exit(pid, pid);
    }
    const kept = [...Array(100).keys()].map((n) => n + 100).filter((pid) => table.get(pid) !== null);
    expect(kept).toEqual([100, 120, 140, 160, 180, ...[...Array(10).keys()].map((n) => 190 + n)]);
  });

  test("of ancestors is bounded when daemons start each other for ever", () => {
    const table = new ProcessTable({ ended: 10, all: 1_000 });
    for (let pid = 2; pid < 5_000; pid++) {
      table.fork(pid, pid - 1, pid);
      table.exit(pid - 1, pid);
    }
    let length = 0;
    for (let at: ProcessEntry | null = table.get(4_999); at !== null; at = at.parent) length++;
    expect(length).toBeGreaterThan(8);
    expect(length).toBeLessThan(40);
  });

  test("is bounded whatever comes in whatever order, and nothing throws", () => {
    const pid = fc.integer({ min: 1, max: 60 });
    const step = fc.oneof(
      fc.record({ kind: fc.constant("fork" as const), pid, parent: pid }),
      fc.record({ kind: fc.constantFrom("exec" as const, "exit" as const, "open" as const), pid }),
      fc.record({ kind: fc.constant("doubt" as const), pid }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const table = new ProcessTable({ ended: 5, all: 20 });
        for (const [time, one] of steps.entries()) {
          if (one.kind === "fork") table.fork(one.pid, one.parent, time);
          else if (one.kind === "exec") table.exec(one.pid, time, gone);
          else if (one.kind === "exit") table.exit(one.pid, time);
          else if (one.kind === "open") table.opened(one.pid, `/bin/${time}`, false);
          else table.doubt();
          expect(table.size).toBeLessThanOrEqual(20);
        }
      }),
    );
  });
});
