/** How a daemon takes signals: the first asks, a second one ends, and a parent that has gone is like a first. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { waitUntil } from "../../support/wait-until.ts";

const program = fileURLToPath(new URL("../../fixtures/programs/waiting-main.ts", import.meta.url));

async function start(...flags: readonly string[]) {
  const child: ChildProcess = spawn(process.execPath, [program, ...flags], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let said = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const ended = once(child, "exit").then(([code]) => code as number | null);
  const says = (text: string) => waitUntil(`it to say ${text}`, () => said.includes(text));
  await says("waiting");
  return { child, ended, says, said: () => said };
}

it.each([
  ["SIGINT", 130],
  ["SIGTERM", 0],
  ["SIGHUP", 0],
] as const)("%s ends it with exit code %d", async (signal, code) => {
  const { child, ended, says } = await start();
  child.kill(signal);
  await says(signal);
  expect(await ended).toBe(code);
});

it("SIGHUP has it read its files again, as often as it comes, where it can and has no terminal", async () => {
  const { child, ended, says, said } = await start("--reloads");
  child.kill("SIGHUP");
  await says("reloads");
  child.kill("SIGHUP");
  await waitUntil("the second", () => said().split("reloads").length === 3);
  child.kill("SIGTERM");
  expect(await ended).toBe(0);
});

it.each([
  ["SIGINT", 130],
  ["SIGTERM", 1],
] as const)("a second %s ends at once what does not end, with exit code %d", async (signal, code) => {
  const { child, ended, says } = await start("--stuck");
  child.kill(signal);
  await says(signal);
  // The same wish: Ctrl-C comes from the terminal, and from npm once more.
  child.kill(signal);
  child.kill(signal);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(child.exitCode).toBeNull();
  await waitUntil("the second wish to count", () => {
    child.kill(signal);
    return child.exitCode !== null;
  });
  expect(await ended).toBe(code);
});

it("a second signal hurries what can be hurried, and a third one ends it", async () => {
  const { child, ended, says, said } = await start("--stuck", "--may-hurry");
  child.kill("SIGTERM");
  await says("SIGTERM");
  child.kill("SIGINT");
  await waitUntil("the second wish to count", () => {
    child.kill("SIGTERM");
    return said().includes("hurried by SIGTERM");
  });
  expect(child.exitCode).toBeNull();
  await waitUntil("the third wish to count", () => {
    child.kill("SIGINT");
    return child.exitCode !== null;
  });
  expect(await ended).toBe(130);
});

it("ends when its parent has gone, if it was told to, and only then", async () => {
  const child = await start("--with-parent");
  child.child.stdin?.end();
  await child.says("its parent has gone");
  expect(await child.ended).toBe(0);
  const other = await start();
  other.child.stdin?.end();
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(other.said()).toBe("waiting\n");
});
