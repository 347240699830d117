/**
 * `npm start` as a new user meets it: what it prints, what it watches, how it ends, and that it goes on.
 * Not with the binaries: npm start is the checkout.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { atEnd } from "../../support/at-end.ts";
import { freePort } from "../../support/fleet.ts";
import { isAlive, processesAtHome } from "../../support/home-processes.ts";
import { pathWithout } from "../../support/path-without.ts";
import { projectCopy } from "../../support/project-copy.ts";
import { waitUntil } from "../../support/wait-until.ts";

interface Start {
  readonly child: ChildProcess;
  text(): string;
  /** Ctrl-C in its terminal: to every process of the group. Resolves to the exit code and the milliseconds it took. */
  interrupt(): Promise<{ readonly code: number | null; readonly tookMs: number }>;
  ended(): Promise<number | null>;
}

const left = (folder: string) => processesAtHome(folder).filter(({ pid }) => isAlive(pid));

function npmStart(folder: string, flags: readonly string[], env: Record<string, string> = {}): Start {
  // A session of its own stands for a terminal: what npm starts is in its foreground group.
  const child = spawn("npm", ["start", "--", ...flags], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? "", HOME: folder, npm_config_update_notifier: "false", ...env },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  atEnd(() => {
    for (const { pid } of left(folder)) process.kill(pid, "SIGKILL");
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (chunk) => {
      text += chunk;
    });
  }
  const exit = new Promise<number | null>((done) => child.on("close", (code) => done(code)));
  return {
    child,
    text: () => text,
    ended: () => exit,
    async interrupt() {
      const before = performance.now();
      process.kill(-(child.pid ?? 0), "SIGINT");
      return { code: await exit, tookMs: performance.now() - before };
    },
  };
}

const lines = (file: string) =>
  existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean) : [];

test("a file put into the watched folder adds a line, Ctrl-C ends everything, and the next start goes on", {
  timeout: 120_000,
}, async () => {
  const folder = await projectCopy();
  const flags = ["--http", String(await freePort()), "--mqtt", String(await freePort())];
  const [watched, output] = [join(folder, ".petrel/watched"), join(folder, ".petrel/output")];

  const first = npmStart(folder, flags);
  await waitUntil("the watched folder", () => existsSync(watched) || failed(first));
  const names = ["one", "two with spaces", "drei-ü"];
  for (const name of names) await writeFile(join(watched, name), name);
  await waitUntil("three lines", () => lines(output).length >= 3 || failed(first));
  expect(
    lines(output)
      .map((line) => line.replace(/^\[.*?\] /, ""))
      .sort(),
  ).toEqual(names.map((name) => `(created) ${join(watched, name)}`).sort());
  // In plain words: what runs where, which folder to touch, where the result shows; then each step of a chain.
  await waitUntil("three results", () => first.text().split("result     succeeded").length > 3);
  for (const part of [
    `http://127.0.0.1:${flags[1]}`,
    `mqtt://127.0.0.1:${flags[3]}`,
    "touch .petrel/watched/",
    "cat .petrel/output",
    "Ctrl-C",
    `change     created ${join(watched, "one")}`,
    "trigger    mypack.changed_file from agent hub",
    "rule       mypack.log_changes matched",
    "execution  mypack.output_context on agent hub",
  ]) {
    expect(first.text()).toContain(part);
  }
  // The built-in sensor says who, or why it cannot: without root nobody tells it.
  const who = userInfo().uid === 0 ? `by ${process.execPath} of ${userInfo().username}` : "by ";
  await waitUntil("who it was", () =>
    first.text().includes(`change     created ${join(watched, "one")}, ${who}`),
  );
  expect(first.text()).toContain("trigger    watch.file_changed from agent hub");
  const { code, tookMs } = await first.interrupt();
  expect(code).toBe(130);
  expect(tookMs).toBeLessThan(10_000);
  expect(left(folder)).toEqual([]);

  // While nothing runs, one file goes, and one changes.
  await rm(join(watched, "one"));
  await writeFile(join(watched, "drei-ü"), "changed while away");
  const second = npmStart(folder, flags);
  await waitUntil("both changes", () => lines(output).length >= 5 || failed(second));
  await writeFile(join(watched, "four"), "");
  await waitUntil("the new file", () => lines(output).length >= 6 || failed(second));
  expect(
    lines(output)
      .slice(3)
      .map((line) => line.replace(/^\[.*?\] /, ""))
      .sort(),
  ).toEqual(
    [
      `(created) ${join(watched, "four")}`,
      `(deleted) ${join(watched, "one")}`,
      `(modified) ${join(watched, "drei-ü")}`,
    ].sort(),
  );
  expect((await second.interrupt()).code).toBe(130);
  expect(left(folder)).toEqual([]);
});

test("a taken port, a folder that cannot be used, and a wrong flag are said plainly; a missing python3 is no harm", {
  timeout: 120_000,
}, async () => {
  const folder = await projectCopy();
  const port = await freePort();
  const server = createServer().listen(port, "127.0.0.1");
  await waitUntil("the port to be taken", () => server.listening);
  atEnd(() => void server.close());
  for (const [taken, free] of [
    ["--http", "--mqtt"],
    ["--mqtt", "--http"],
  ] as const) {
    const busy = npmStart(folder, [taken, String(port), free, "0"]);
    expect(await busy.ended()).toBe(1);
    expect(busy.text()).toMatch(/^HUB_PORT_IN_USE: .+\n {2}where: .+\n {2}fix: {3}.+$/m);
    expect(busy.text()).toContain(String(port));
    expect(busy.text()).toContain("npm start -- --http");
    expect(busy.text()).not.toContain("Stopping");
  }
  const wrong = npmStart(folder, ["--port", "1"]);
  expect(await wrong.ended()).not.toBe(0);
  expect(wrong.text()).toMatch(/^CLI_USAGE: .+\n(?: {2}where: .+\n)? {2}fix: {3}.+$/m);
  expect(wrong.text()).not.toContain(" at ");

  await rm(join(folder, ".petrel"), { recursive: true });
  await writeFile(join(folder, ".petrel"), "");
  const blocked = npmStart(folder, ["--http", "0", "--mqtt", "0"]);
  expect(await blocked.ended()).toBe(1);
  expect(blocked.text()).toMatch(/^FOLDER_UNUSABLE: .+\n {2}where: .+\.petrel\n {2}fix: {3}.+$/m);
  await rm(join(folder, ".petrel"));

  const PATH = await pathWithout("python");
  const bare = npmStart(folder, ["--http", "0", "--mqtt", "0"], { PATH });
  await waitUntil("the watched folder", () => existsSync(join(folder, ".petrel/watched")) || failed(bare));
  await waitUntil("what it has to say", () => bare.text().includes("Ctrl-C"));
  expect(bare.text()).toContain("PYTHON_MISSING");
  expect((await bare.interrupt()).code).toBe(130);
  expect(left(folder)).toEqual([]);
});

/** Throws what it printed when it has ended too early. */
function failed(start: Start): false {
  if (start.child.exitCode !== null)
    throw new Error(`it ended with ${start.child.exitCode}: ${start.text()}`);
  return false;
}
