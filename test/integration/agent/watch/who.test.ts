import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { executionVariable } from "../../../../agent/actions/environment.ts";
import { localAccounts } from "../../../../agent/watch/accounts-fs.ts";
import { loadLibc, SystemCallError } from "../../../../agent/watch/kernel/libc-fs.ts";
import { AuditedWitness } from "../../../../agent/watch/who/audited-witness-fs.ts";
import { SystemWitness, type WitnessOptions } from "../../../../agent/watch/who/witness-fs.ts";
import type { JsonObject } from "../../../../shared/json.ts";
import { systemClock, systemTimers } from "../../../../shared/system-process.ts";
import { bytePath } from "../../../../shared/watch/paths.ts";
import { atEnd } from "../../../support/at-end.ts";
import { tempFolder } from "../../../support/temp-folder.ts";
import { waitUntil } from "../../../support/wait-until.ts";
import { agentSide, openWatchDesk } from "../../../support/watch-desk.ts";

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.warn("skipped: telling who changed a file needs root");
const monotonic = () => systemClock.monotonic();

async function watched(
  backend: "fanotify" | "inotify",
  options: Partial<WitnessOptions> = {},
  who: "auto" | "audit" = "auto",
) {
  const root = await tempFolder("who");
  const warnings: string[] = [];
  const witness = new SystemWitness({
    loadLibc,
    timers: systemTimers,
    monotonic,
    names: localAccounts(monotonic),
    agentPid: process.pid,
    executionVariable,
    log: { info: () => {}, warn: (message) => warnings.push(message) },
    ...options,
  });
  atEnd(() => witness.stop());
  await witness.start();
  const log = { info: () => {}, warn: (message: string) => warnings.push(message) };
  const audited = new AuditedWitness({
    other: witness,
    roots: [bytePath(root)],
    loadLibc: options.loadLibc ?? loadLibc,
    timers: systemTimers,
    monotonic,
    names: localAccounts(monotonic),
    log,
  });
  if (who === "audit") {
    atEnd(() => audited.stop());
    await audited.start();
  }
  const watch = await openWatchDesk(
    await tempFolder("who-state"),
    { paths: [{ path: root, transients: true }], settle_ms: 50, settle_most_ms: 500 },
    agentSide(),
    { observe: { backend }, witness: who === "audit" ? audited : witness },
  );
  /** Runs a script, and gives who changed what, by the path below the root, once these are among it. */
  const changedBy = async (script: string, names: readonly string[], env: Record<string, string> = {}) => {
    const child = spawn("bash", ["--norc", "-c", `read -r _\n${script}`], {
      cwd: root,
      env: { PATH: process.env.PATH, ...env },
      stdio: ["pipe", "ignore", "inherit"],
    });
    // As an action of the agent it begins only when everything is ready for it.
    const { pid = 0 } = child;
    const execution = () => witness.actor({ pid, path: root, heardAt: monotonic() }).execution_id;
    await waitUntil("it is known", () => execution() === env[executionVariable]);
    child.stdin.end("\n");
    await once(child, "exit");
    const actors = new Map<string, JsonObject>();
    await waitUntil("the changes are told", async () => {
      for (const { path, actor, via } of await watch.told()) {
        actors.set(String(path).slice(root.length + 1), { ...(actor as JsonObject), via: via ?? null });
      }
      return names.every((name) => actors.has(name));
    });
    return { actors, pid };
  };
  return { root, changedBy, warnings, witness, audited };
}

describe.runIf(isRoot)("who changed a file", () => {
  test("is told of processes that are gone at once", async () => {
    const { changedBy, warnings, root } = await watched("fanotify");
    const { actors, pid } = await changedBy(
      [
        "echo 1 > a; touch b; (echo 2 > c); cp /usr/bin/touch own; ./own d",
        "printf '#!/bin/sh\\necho 3 > e\\n:\\n' > script; chmod +x script; ./script",
        "sh -c 'exec touch f'; python3 -c 'open(\"g\", \"w\")'",
        // Only who is there still can be asked for its arguments.
        'python3 -c \'open("h", "w"); import time; time.sleep(600)\' --token s3cret &',
        "until [ -e h ]; do sleep 0.01; done",
        ":",
      ].join("\n"),
      [..."abcdefgh"],
    );
    expect(warnings).toEqual([]);
    const program = (name: string) => String(actors.get(name)?.exe).replace(/^.*\//, "");
    expect(program("a")).toBe("bash");
    expect(program("b")).toBe("touch");
    expect(program("c")).toBe("bash");
    expect(actors.get("d")?.exe, JSON.stringify(actors.get("d"))).toBe(join(root, "own"));
    expect(program("e")).toMatch(/^(dash|bash|busybox)$/);
    expect(program("f"), JSON.stringify(actors.get("f"))).toBe("touch");
    expect(program("g")).toMatch(/^python3/);
    process.kill(Number(actors.get("h")?.pid), "SIGKILL");
    expect(actors.get("h")?.cmdline).toMatch(/--token \*{8}$/);
    expect(actors.get("a")).toMatchObject({ pid, uid: 0, user: "root" });
    // bash, then the process of this test.
    expect((actors.get("b")?.parents as JsonObject[] | undefined)?.slice(0, 2)).toMatchObject([
      { pid, exe: expect.stringMatching(/bash$/) },
      { pid: process.pid, exe: process.execPath },
    ]);
    expect([...actors.values()].filter(({ unknown }) => unknown !== undefined)).toEqual([]);
  });

  test("is told with the user that it ran as", async () => {
    const { changedBy, root } = await watched("fanotify");
    const { actors } = await changedBy(
      `chmod 777 . ; setpriv --reuid 1 --regid 1 --clear-groups touch ${root}/a; touch b`,
      ["a", "b"],
    );
    expect(actors.get("a")).toMatchObject({ uid: 1, user: "daemon" });
    expect(actors.get("b")).toMatchObject({ uid: 0, user: "root" });
  });

  test("is an action's execution for all that the action started, and for nobody who only says so", async () => {
    const { changedBy } = await watched("fanotify");
    const { actors } = await changedBy(
      "touch a; env -i /usr/bin/touch b; (setsid sh -c 'touch c' &); sleep 0.1",
      [..."abc"],
      { [executionVariable]: "6b1f" },
    );
    expect([..."abc"].map((name) => actors.get(name)?.execution_id)).toEqual(["6b1f", "6b1f", "6b1f"]);
    const { actors: others } = await changedBy(`${executionVariable}=6b1f sh -c 'touch d; touch e'; :`, [
      "d",
      "e",
    ]);
    expect(others.get("d")?.execution_id).toBe(undefined);
  });

  test.runIf(existsSync("/usr/bin/dpkg"))("names the package program among its parents", async () => {
    const { changedBy, root } = await watched("fanotify");
    const { actors } = await changedBy(`dpkg --admindir=${root}/db -i nothing.deb 2>/dev/null; touch a`, [
      "db/status",
      "a",
    ]);
    expect(actors.get("db/status")?.via).toBe("dpkg");
    expect(actors.get("a")?.via).toBe(null);
  });

  test("is asked of /proc alone where the kernel tells nothing, and the log says so", async () => {
    const { changedBy, warnings } = await watched("fanotify", {
      loadLibc: () => ({
        ...loadLibc(),
        netlinkSocket: () => {
          throw new SystemCallError("socket", 1, "EPERM");
        },
      }),
    });
    expect(warnings).toMatchObject([expect.stringMatching(/\/proc only.*socket: EPERM/)]);
    const { actors, pid } = await changedBy("echo 1 > a; sleep 0.5; :", ["a"]);
    expect(actors.get("a")).toMatchObject({ pid, uid: 0, exe: expect.stringMatching(/bash$/) });
    const { actors: short } = await changedBy("touch b; sleep 0.5", ["b"]);
    expect(short.get("b")?.exe ?? short.get("b")?.unknown).toEqual(expect.any(String));
  });

  test("is said not to be known where only inotify tells of changes", async () => {
    const { changedBy } = await watched("inotify");
    const { actors } = await changedBy("touch a", ["a"]);
    expect(actors.get("a")).toMatchObject({ unknown: "inotify does not say who" });
  });

  test("is told by audit, also where only inotify tells of changes, and audit is as before afterwards", async (context) => {
    const { changedBy, warnings, audited } = await watched("inotify", {}, "audit");
    if (warnings.length > 0) {
      console.warn(`skipped: ${warnings.join()}`);
      return context.skip();
    }
    const { actors } = await changedBy("touch a; (echo 2 > b); mv a 'c d'; sed -i s/2/3/ b; :", ["b", "c d"]);
    expect(String(actors.get("c d")?.exe)).toMatch(/\/mv$/);
    expect(actors.get("c d")).toMatchObject({ uid: 0, user: "root", cmdline: "mv a c d" });
    expect(String(actors.get("b")?.exe)).toMatch(/\/(sed|bash)$/);
    await audited.stop();
    const { actors: later } = await changedBy("touch e", ["e"]);
    expect(later.get("e")).toMatchObject({ unknown: "inotify does not say who" });
  });

  test("is told of what is come upon in a new folder by its own event, never by that of who made the folder", async () => {
    const { changedBy } = await watched("fanotify");
    const names = Array.from({ length: 20 }, (_, n) => `d${n}/f`);
    const script = names.map((name) => `mkdir ${name.slice(0, -2)}; touch ${name}; sleep 0.0${name.length}`);
    const { actors } = await changedBy([...script, ":"].join("\n"), names);
    const exes = names.map((name) => String(actors.get(name)?.exe ?? actors.get(name)?.unknown));
    expect(exes.filter((exe) => !exe.endsWith("/touch"))).toEqual([]);
  });

  test("is told without audit where that refuses, and the log says so", async () => {
    const refused = () => ({
      ...loadLibc(),
      netlinkSocket: (protocol: number, groups: number) => {
        if (protocol === 9) throw new SystemCallError("bind", 1, "EPERM");
        return loadLibc().netlinkSocket(protocol, groups);
      },
    });
    const { changedBy, warnings, audited } = await watched("fanotify", { loadLibc: refused }, "audit");
    expect(warnings).toMatchObject([expect.stringMatching(/audit is not to be had \(bind: EPERM\)/)]);
    const { actors } = await changedBy("touch a; :", ["a"]);
    expect(String(actors.get("a")?.exe)).toMatch(/\/touch$/);
    expect(actors.get("a")).toMatchObject({ audit_missing: "bind: EPERM" });
    expect(audited.missing()).toEqual([
      "audit was asked for and is not to be had: bind: EPERM; changes are put down to processes without it",
    ]);
  });

  test("is told again after the kernel dropped events", async () => {
    // A queue for a few events.
    const { changedBy, witness, warnings } = await watched("fanotify", {
      loadLibc: () => {
        const libc = loadLibc();
        return { ...libc, netlinkSocket: (protocol, groups) => libc.netlinkSocket(protocol, groups, 4_096) };
      },
    });
    const many = spawn("bash", ["-c", "for i in $(seq 400); do (:); done"]);
    // Nothing is read meanwhile.
    const until = performance.now() + 500;
    while (performance.now() < until);
    await once(many, "exit");
    await waitUntil("the loss is noticed", () => witness.losses > 0);
    expect(warnings).toMatchObject([expect.stringMatching(/dropped events/)]);
    await waitUntil("programs are told again", async () => {
      const { actors } = await changedBy("rm -f a; touch a", ["a"]);
      return String(actors.get("a")?.exe).endsWith("touch");
    });
  });
});
