/** How often it is right who changed a file: 1,000 writers that are gone at once, beside a look at /proc alone. Needs root. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readlinkSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { executionVariable } from "../../agent/actions/environment.ts";
import { localAccounts } from "../../agent/watch/accounts-fs.ts";
import type { Actor, Touch } from "../../agent/watch/actor.ts";
import { loadLibc } from "../../agent/watch/kernel/libc-fs.ts";
import { SystemObserver } from "../../agent/watch/kernel/observe-fs.ts";
import { AuditedWitness } from "../../agent/watch/who/audited-witness-fs.ts";
import { SystemWitness } from "../../agent/watch/who/witness-fs.ts";
import { systemClock, systemTimers } from "../../shared/system-process.ts";
import { bytePath } from "../../shared/watch/paths.ts";

const writers = Number(process.argv[2] ?? 1_000);
/** ms from an event to the question, as the sensor's time of quiet. */
const settleMs = 50;
const monotonic = () => systemClock.monotonic();
const program = (path: string) => basename(realpathSync(path));
const kinds = [
  { name: "sh -c redirect", script: (file: string) => `sh -c 'echo 1 > ${file}'`, exe: program("/bin/sh") },
  { name: "touch", script: (file: string) => `touch ${file}`, exe: program("/usr/bin/touch") },
  { name: "sed -i", script: (file: string) => `sed -i s/a/b/ ${file}`, exe: program("/bin/sed") },
  { name: "forked subshell", script: (file: string) => `(echo 1 > ${file})`, exe: program("/bin/bash") },
] as const;

interface Seen {
  touch: Touch;
  proc: string | null;
  actor: Actor | null;
}

function procExe(pid: number): string | null {
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`));
  } catch {
    return null;
  }
}

async function run(label: string, parallel: number, who: "auto" | "audit"): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "petrel-who-"));
  for (let n = 0; n < writers; n++) if (n % kinds.length === 2) writeFileSync(join(root, `f${n}`), "a\n");
  const warnings: string[] = [];
  const log = { info: () => {}, warn: (message: string) => warnings.push(message) };
  const witness = new SystemWitness({
    loadLibc,
    timers: systemTimers,
    monotonic,
    names: localAccounts(monotonic),
    agentPid: process.pid,
    executionVariable,
    log,
  });
  await witness.start();
  const audited = new AuditedWitness({
    other: witness,
    roots: [bytePath(root)],
    loadLibc,
    timers: systemTimers,
    monotonic,
    names: localAccounts(monotonic),
    log,
  });
  if (who === "audit") await audited.start();
  const seen = new Map<string, Seen>();
  const observer = new SystemObserver({
    tree: { roots: [bytePath(root)], isFollowed: () => false, mayEnter: () => true },
    backend: "fanotify",
    timers: systemTimers,
    monotonic,
    covered: () => {},
  });
  await observer.start({
    blind: (cause) => warnings.push(cause),
    hints: (batch) => {
      for (const { path, pid } of batch) {
        if (pid > 0) witness.noticed(pid);
        const name = path.slice(root.length + 1);
        const proc = seen.get(name)?.proc ?? procExe(pid);
        const one: Seen = { touch: { pid, path, heardAt: monotonic() }, proc, actor: null };
        seen.set(name, one);
        setTimeout(() => {
          one.actor = (who === "audit" ? audited : witness).actor(one.touch);
        }, settleMs);
      }
    },
  });
  const before = process.cpuUsage();
  const shells = Array.from({ length: parallel }, (_, at) => {
    const lines: string[] = [];
    for (let n = at; n < writers; n += parallel) lines.push(kinds[n % kinds.length]?.script(`f${n}`) ?? "");
    return spawn("bash", ["--norc", "-c", `${lines.join("\n")}\n:`], {
      cwd: root,
      stdio: ["ignore", "ignore", "inherit"],
    });
  });
  await Promise.all(shells.map((shell) => once(shell, "exit")));
  const names = Array.from({ length: writers }, (_, n) => `f${n}`);
  const deadline = performance.now() + 30_000;
  while (names.some((name) => !seen.get(name)?.actor) && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const cpu = process.cpuUsage(before);
  await observer.stop();
  await audited.stop();
  await witness.stop();
  rmSync(root, { recursive: true });
  const share = (right: (name: string, exe: string) => boolean, kind: number | null = null) => {
    const which = names.filter((_, n) => kind === null || n % kinds.length === kind);
    const good = which.filter((name) => right(name, kinds[Number(name.slice(1)) % kinds.length]?.exe ?? ""));
    return `${((100 * good.length) / which.length).toFixed(1)} %`;
  };
  const ours = (name: string, exe: string) => basename(seen.get(name)?.actor?.exe ?? "") === exe;
  const theirs = (name: string, exe: string) => seen.get(name)?.proc === exe;
  console.log(`\n${label} (${writers} writers, ${parallel} at once)`);
  console.log(`  exe right: ${share(ours)}; /proc alone: ${share(theirs)}`);
  for (const [at, { name }] of kinds.entries()) {
    console.log(`    ${name.padEnd(16)} ${share(ours, at)}; /proc alone: ${share(theirs, at)}`);
  }
  const has = (field: keyof Actor) => share((name) => seen.get(name)?.actor?.[field] !== undefined);
  console.log(
    `  cmdline ${has("cmdline")}, uid ${has("uid")}, parents ${has("parents")}, unknown ${has("unknown")}`,
  );
  console.log(`  CPU ${Math.round((cpu.user + cpu.system) / 1_000)} ms; losses ${witness.losses}`);
  for (const warning of warnings) console.log(`  ! ${warning}`);
}

if (process.getuid?.() !== 0) throw new Error("needs root");
for (const parallel of [1, 8]) await run("proc connector and FAN_OPEN_EXEC", parallel, "auto");
if (process.argv.includes("--audit")) for (const parallel of [1, 8]) await run("audit", parallel, "audit");
