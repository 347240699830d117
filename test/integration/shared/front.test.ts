/** The few lines of sh that systemd takes for the agent. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { statOf } from "../../../agent/actions/proc-fs.ts";
import { agentUnit } from "../../../agent/install/unit.ts";
import { agentBehind, asideFile, asideName, frontFile, frontScript } from "../../../shared/install/front.ts";
import { atEnd } from "../../support/at-end.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

/** What /bin/sh is on Debian, and on others. */
const shells = ["/bin/sh", "/bin/bash"].filter((shell) => existsSync(shell));

describe.each(shells)("by %s", (shell) => {
  async function fronted(code: string, given: { runtime?: string; program?: readonly string[] } = {}) {
    const runtime = given.runtime ?? join(await tempFolder("front"), "run");
    mkdirSync(runtime, { recursive: true });
    const front = spawn(
      shell,
      ["-c", frontScript, ...(given.program ?? [process.execPath, "-e", code, "run"])],
      {
        stdio: ["ignore", "pipe", "inherit"],
        env: { ...process.env, RUNTIME_DIRECTORY: `${runtime}:/another` },
        detached: true,
      },
    );
    const pid = front.pid ?? 0;
    atEnd(() => {
      try {
        process.kill(-pid, "SIGKILL");
      } catch {}
    });
    let said = "";
    front.stdout?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    const says = (text: string) => waitUntil(`it to say ${text}`, () => said.includes(text));
    const ended = once(front, "exit") as Promise<[number | null, string | null]>;
    const agent = () => agentBehind(readFileSync(`/proc/${pid}/comm`, "utf8"));
    return { front, pid, runtime, says, ended, agent };
  }

  const listens = `for (const name of ["SIGHUP", "SIGUSR2", "SIGTERM"])
  process.on(name, () => { console.log(name); if (name === "SIGTERM") process.exit(0); });
setInterval(() => {}, 1000);
console.log("front", process.env.PETREL_FRONT, "agent", process.pid, process.argv.at(-1));`;

  test("it names its agent, passes signals on, and ends as that does", async () => {
    const { front, pid, says, ended, agent } = await fronted(listens);
    await says(`front ${pid} agent`);
    await says(`agent ${await waitUntil("its name", agent)} run`);
    for (const name of ["SIGHUP", "SIGUSR2", "SIGHUP"] as const) {
      front.kill(name);
      await says(name);
    }
    front.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);
  });

  test.each([
    ["process.exit(3)", 3],
    ['process.kill(process.pid, "SIGKILL")', 137],
    ["", 0],
  ])("an agent that ends by %j gives it the exit code %d", async (code, expected) => {
    expect(await (await fronted(code)).ended).toEqual([expected, null]);
  });

  test("an agent that ends at once when it is told to is no failure", async () => {
    // Sooner than the front looks again: its wait has just ended by the same signal.
    const quick = [
      shell,
      "-c",
      'trap "exit 0" TERM; trap : HUP; echo ready; while :; do sleep 9 & wait $!; done',
    ];
    const all = await Promise.all(Array.from({ length: 10 }, () => fronted("", { program: quick })));
    for (const { front, says } of all) {
      await says("ready");
      front.kill("SIGTERM");
    }
    expect(await Promise.all(all.map(({ ended }) => ended))).toEqual(all.map(() => [0, null]));
  });

  test("told that its agent has stepped aside it ends, and lets that live", async () => {
    const { front, ended, says, agent } = await fronted(listens);
    await says("agent");
    const pid = (await waitUntil("its name", agent)) as number;
    front.kill("SIGUSR1");
    expect(await ended).toEqual([0, null]);
    expect(process.kill(pid, 0)).toBe(true);
  });

  const aside = `process.title = "${asideName}"; console.log("aside");
const { readFileSync } = require("node:fs");
const look = setInterval(() => {
  try { readFileSync(process.argv[1] + "/${frontFile}", "utf8"); } catch { return; }
  clearInterval(look);
  process.title = "became";
  setInterval(() => {}, 1000);
}, 10);
process.on("SIGTERM", () => process.exit(0));
// By this its front knows that it listens.
process.on("SIGHUP", () => {});`;

  async function agentAside() {
    const runtime = join(await tempFolder("front"), "run");
    mkdirSync(runtime);
    const agent = spawn(process.execPath, ["-e", aside, runtime], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    atEnd(() => void agent.kill("SIGKILL"));
    await once(agent.stdout, "data");
    const word = (startTicks: number) =>
      writeFileSync(join(runtime, asideFile), `${agent.pid} ${startTicks}\n`);
    const began = statOf(agent.pid ?? 0)?.startTicks ?? 0;
    word(began);
    return { runtime, agent, word, began };
  }

  test("the next one takes it for its own, passes a stop on, and starts nothing", async () => {
    const { runtime, agent: former } = await agentAside();
    const gone = once(former, "exit");
    const { front, agent, ended } = await fronted('console.log("a second one")', { runtime });
    expect(await waitUntil("its name", agent)).toBe(former.pid);
    front.kill("SIGTERM");
    expect(await gone).toEqual([0, null]);
    expect(await ended).toEqual([0, null]);
  });

  test("and ends with a failure when that has gone by itself", async () => {
    const { runtime, agent: former } = await agentAside();
    const { agent, ended } = await fronted('console.log("a second one")', { runtime });
    expect(await waitUntil("its name", agent)).toBe(former.pid);
    former.kill("SIGKILL");
    expect(await ended).toEqual([1, null]);
  });

  test("word of an earlier process with its number is not believed, and not kept", async () => {
    const { runtime, agent: former, word, began } = await agentAside();
    word(began - 1);
    const { says, ended } = await fronted('console.log("its own")', { runtime });
    await says("its own");
    expect(await ended).toEqual([0, null]);
    expect(former.exitCode).toBe(null);
    expect(existsSync(join(runtime, asideFile))).toBe(false);
  });

  test("word of one that is there no more is not believed", async () => {
    const runtime = join(await tempFolder("front"), "run");
    mkdirSync(runtime);
    // This process lives, and has another name.
    writeFileSync(join(runtime, asideFile), `${process.pid}\n`);
    const { says, ended } = await fronted('console.log("its own")', { runtime });
    await says("its own");
    expect(await ended).toEqual([0, null]);
  });
});

test("the unit has it in one word, as systemd reads it", () => {
  const line = /^ExecStart=\/bin\/sh -c '([^']*)' \/opt\/agent run$/m.exec(
    agentUnit({ program: "/opt/agent", guard: "/opt/guard" }),
  );
  const read = line?.[1]?.replaceAll("$$", "$").replaceAll("%%", "%").replaceAll("\\\\", "\\");
  expect(read).toBe(frontScript.replaceAll("\n", "; "));
});
