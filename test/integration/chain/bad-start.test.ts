/** Hubs and agents that must not start, and say why; and settings that a start honours. */
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readApiFile } from "../../../hub/http/api-file-fs.ts";
import { atEnd } from "../../support/at-end.ts";
import { createHub, freePort } from "../../support/fleet.ts";
import { userOf } from "../../support/fleet-user.ts";
import { runPetrel, startPetrel } from "../../support/run-petrel.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

const free = ["--http", "0", "--mqtt", "0"];

/** A port that somebody listens on for as long as the test runs. */
async function takenPort(): Promise<number> {
  const port = await freePort();
  const server = createServer().listen(port, "127.0.0.1");
  await waitUntil("the port to be taken", () => server.listening);
  atEnd(() => void server.close());
  return port;
}

describe("a hub", () => {
  test.for<[what: string, flags: string[], code: string, exit: number]>([
    [
      "without --dev whose broker is not encrypted",
      ["--http", "0", "--broker-url", "mqtt://192.0.2.1"],
      "LINK_INSECURE",
      4,
    ],
    [
      "with --dev and a broker with TLS",
      ["--dev", "--http", "0", "--broker-url", "mqtts://127.0.0.1"],
      "LINK_INSECURE",
      4,
    ],
    [
      "whose API others could reach",
      ["--dev", "--http", "0.0.0.0:0", "--mqtt", "0"],
      "HUB_INSECURE_LISTEN",
      4,
    ],
    [
      "whose broker others could reach",
      ["--dev", "--http", "0", "--mqtt", "0.0.0.0:0"],
      "HUB_INSECURE_LISTEN",
      4,
    ],
    [
      "whose broker listens on every IPv6 address",
      ["--dev", "--http", "0", "--mqtt", "[::]:0"],
      "HUB_INSECURE_LISTEN",
      4,
    ],
    [
      "with a broker on another host",
      ["--dev", "--http", "0", "--broker-url", "mqtt://192.0.2.1:1883"],
      "LINK_INSECURE",
      4,
    ],
    [
      "with a broker that is no URL",
      ["--dev", "--http", "0", "--broker-url", "somewhere"],
      "CONFIG_INVALID",
      2,
    ],
    ["with a port that is none", ["--dev", "--http", "99999", "--mqtt", "0"], "CONFIG_INVALID", 2],
    ["with a level that is none", ["--dev", ...free, "--log-level", "loud"], "CONFIG_INVALID", 2],
    ["with a flag that is none", ["--dev", ...free, "--prod"], "CLI_USAGE", 2],
  ])("%s is refused before it touches anything", async ([_what, flags, code, exit]) => {
    const data = join(await tempFolder(), "data");
    const ended = await runPetrel(["hub", "--data", data, ...flags]);
    expect([ended.code, ended.stdout]).toEqual([exit, ""]);
    expect(lastError(ended.stderr)).toMatch(new RegExp(`^${code}: .+\\n(  where: .+\\n)?  fix:   .+\\n$`));
    expect(existsSync(data)).toBe(false);
  });

  test("whose port is taken says which, and leaves nothing running", async () => {
    const folder = await tempFolder();
    const port = await takenPort();
    for (const [flag, other] of [
      ["--http", "--mqtt"],
      ["--mqtt", "--http"],
    ] as const) {
      const data = join(folder, flag);
      const ended = await runPetrel([
        "hub",
        "--dev",
        "--data",
        data,
        flag,
        String(port),
        other,
        "0",
        "--with-agent",
      ]);
      expect([flag, ended.code, ended.stdout]).toEqual([flag, 1, ""]);
      expect(lastError(ended.stderr)).toMatch(/^HUB_PORT_IN_USE: .+\n {2}where: .+\n {2}fix: {3}.+\n$/);
      expect(lastError(ended.stderr)).toContain(String(port));
      expect(await readApiFile(data)).toBeNull();
    }
  });

  test("whose folder cannot be used says so", async () => {
    const file = join(await tempFolder(), "file");
    await writeFile(file, "");
    const hub = await runPetrel(["hub", "--dev", ...free, "--data", join(file, "data")]);
    expect([hub.code, lastError(hub.stderr)]).toEqual([
      1,
      expect.stringMatching(/^FOLDER_UNUSABLE: .+\n {2}where: .+\n {2}fix: {3}.+\n$/),
    ]);
  });

  test("whose folder another hub holds is refused, and that hub goes on", async () => {
    const hub = await createHub();
    await hub.start();
    const before = await readApiFile(hub.data);
    const second = await runPetrel(["hub", "--dev", ...free, "--data", hub.data]);
    expect([second.code, lastError(second.stderr)]).toEqual([
      1,
      expect.stringMatching(/^(HUB_ALREADY_RUNNING|STORE_LOCKED): .+\n {2}where: .+\n {2}fix: {3}.+\n$/),
    ]);
    expect(await readApiFile(hub.data)).toEqual(before);
    expect(await userOf(hub).json("hub", "status")).toMatchObject({ packs: 5 });
  });

  test("takes its settings from file, environment and flags, in this order", async () => {
    const folder = await tempFolder();
    const [http, mqtt] = [await freePort(), await freePort()];
    const config = join(folder, "hub.yaml");
    await writeFile(
      config,
      `data: ${folder}/from-file\nhttp: {listen: "127.0.0.1:${http}"}\nmqtt: {listen: 127.0.0.1:0}\nlog: {format: json, level: debug}\n`,
    );
    const env = {
      PETREL_MQTT: "127.0.0.1:0",
      PETREL_DATA: join(folder, "from-env"),
      PETREL_LOG_LEVEL: "info",
    };
    const running = startPetrel(["hub", "--dev", "--config", config, "--mqtt", `127.0.0.1:${mqtt}`], { env });
    await waitUntil("the ready line", () => running.stdout().includes("\n"));
    expect(running.stdout()).toBe(`ready http=http://127.0.0.1:${http} mqtt=mqtt://127.0.0.1:${mqtt}\n`);
    expect((await readApiFile(join(folder, "from-env")))?.pid).toBe(running.child.pid);
    expect(existsSync(join(folder, "from-file"))).toBe(false);
    const lines = running
      .stderr()
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { level: string });
    expect(lines.map(({ level }) => level)).not.toContain("debug");
    running.child.kill("SIGINT");
    expect((await running.ended).code).toBe(130);
  });

  test("whose settings are wrong is told all of them, with file and line", async () => {
    const folder = await tempFolder();
    const config = join(folder, "hub.yaml");
    await writeFile(config, "http:\n  listen: everywhere\nretention:\n  days: many\ncolour: red\n");
    const ended = await runPetrel(["hub", "--dev", "--config", config, "--data", join(folder, "data")]);
    expect([ended.code, ended.stderr]).toEqual([2, expect.stringMatching(/^CONFIG_INVALID: /)]);
    for (const line of [2, 4, 5]) expect(ended.stderr).toContain(`hub.yaml:${line}`);
    expect(existsSync(join(folder, "data"))).toBe(false);
  });
});

describe("an agent", () => {
  test.for<[what: string, flags: string[], code: string, exit: number]>([
    [
      "whose hub is on another host",
      ["--dev", "--hub", "mqtt://192.0.2.1:1883", "--id", "a"],
      "LINK_INSECURE",
      4,
    ],
    ["that is not enrolled", ["--hub", "mqtts://192.0.2.1:8883"], "AGENT_NOT_ENROLLED", 4],
    [
      "with a token that is none",
      ["--hub", "mqtts://192.0.2.1", "--token-file", "/etc/hostname"],
      "CLI_USAGE",
      2,
    ],
    ["whose hub is no URL", ["--hub", "127.0.0.1:1883", "--id", "a"], "CONFIG_INVALID", 2],
    ["whose id is none", ["--hub", "mqtt://127.0.0.1:1", "--id", "Web 1"], "CONFIG_INVALID", 2],
    [
      "whose label is none",
      ["--hub", "mqtt://127.0.0.1:1", "--id", "a", "--label", "role"],
      "CONFIG_INVALID",
      2,
    ],
    ["with a flag that is none", ["--hub", "mqtt://127.0.0.1:1", "--labels", "a=b"], "CLI_USAGE", 2],
  ])("%s is refused before it touches anything", async ([_what, flags, code, exit]) => {
    const data = join(await tempFolder(), "data");
    const ended = await runPetrel(["run", "--data", data, ...flags], { command: "petrel-agent" });
    expect([ended.code, ended.stdout]).toEqual([exit, ""]);
    expect(lastError(ended.stderr)).toMatch(new RegExp(`^${code}: .+\\n(  where: .+\\n)?  fix:   .+\\n$`));
    expect(existsSync(data)).toBe(false);
  });

  test("whose folder cannot be used, or whose settings are wrong, says so", async () => {
    const folder = await tempFolder();
    const config = join(folder, "agent.yaml");
    await writeFile(config, "hub: mqtt://127.0.0.1:1\nlabels: web\nspeed: 9\n");
    const run = (...args: string[]) =>
      runPetrel(["run", "--dev", "--id", "a", ...args], { command: "petrel-agent" });
    const bad = await run("--hub", "mqtt://127.0.0.1:1", "--data", join(config, "data"));
    expect([bad.code, lastError(bad.stderr)]).toEqual([
      1,
      expect.stringMatching(/^FOLDER_UNUSABLE: .+\n {2}where: .+\n {2}fix: {3}.+\n$/),
    ]);
    const wrong = await run("--config", config, "--data", join(folder, "data"));
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringMatching(/^CONFIG_INVALID: /)]);
    for (const line of [2, 3]) expect(wrong.stderr).toContain(`agent.yaml:${line}`);
  });

  test("that is alone waits for its hub, and leaves when it is told to", async () => {
    const folder = await tempFolder();
    const config = join(folder, "agent.yaml");
    const hub = await createHub();
    await writeFile(
      config,
      `hub: ${hub.mqtt}\nid: from-file\nlabels: {site: berlin}\ndata: ${folder}/data\n`,
    );
    const args = ["run", "--dev", "--config", config, "--label", "role=web"];
    const running = startPetrel(args, { command: "petrel-agent", env: { PETREL_AGENT_ID: "from-env" } });
    await waitUntil("it to look for its hub", () => running.stderr().includes("BROKER_UNREACHABLE"));
    await hub.start();
    const agents = await waitUntil("it to be there", async () => {
      const found = await hub.all<{ host: string | null }>("/v1/agents");
      return found.some(({ host }) => host !== null) ? found : null;
    });
    expect(agents).toMatchObject([{ id: "from-env", labels: { role: "web" }, online: true }]);
    running.child.kill("SIGINT");
    expect((await running.ended).code).toBe(130);
  });
});

/** What is said last, behind whatever was logged. */
function lastError(stderr: string): string {
  return stderr.slice(stderr.search(/^[A-Z][A-Z0-9_]+: .*\n(?: {2}(?:where|fix): .*\n)*$(?![\s\S])/m));
}
