/** The doctors of a hub and of its agent, each while both run and while one of them does not. */
import { chmod, readFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import type { Finding } from "../../../shared/doctor/finding.ts";
import { agentIs, enrolledAgent, newToken } from "../../support/enrolled-agent.ts";
import { createHub } from "../../support/fleet.ts";
import { runPetrel } from "../../support/run-petrel.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

interface Said {
  readonly ok: boolean;
  readonly findings: readonly Finding[];
  readonly code: number | null;
}

async function doctor(command: "petrel" | "petrel-agent", args: readonly string[]): Promise<Said> {
  const { code, stdout, stderr } = await runPetrel(["doctor", "--json", ...args], { command });
  expect(stderr).toBe("");
  return { ...(JSON.parse(stdout) as Omit<Said, "code">), code };
}

const about = ({ findings }: Said, check: string) =>
  findings.filter((each) => each.check === check).map(({ level, what }) => `${level}: ${what}`);
const checks = (names: readonly string[]) => names.flatMap((name) => ["--check", name]);

test("the doctors of a hub and its agent tell what is well, and what is not", async () => {
  const hub = await createHub({ dev: false });
  await hub.start();
  const agent = await enrolledAgent(hub, "web-1");
  expect((await agent.enroll(await newToken(hub))).code).toBe(0);
  const onAgent = (...names: string[]) => doctor("petrel-agent", ["--data", agent.data, ...checks(names)]);

  // An agent that does not run is logged in for once; to the hub, nobody has come.
  const stopped = await onAgent("agent", "hub-reach", "store");
  expect(stopped).toMatchObject({ ok: false, code: 1 });
  expect(about(stopped, "hub-reach")).toEqual([expect.stringMatching(/^ok: it lets this agent in/)]);
  expect(await hub.api("GET", "/v1/agents")).toMatchObject({
    items: [{ id: "web-1", online: false, incarnation: null }],
  });

  const running = agent.start();
  await agentIs(hub, "web-1", true);
  const linked = await waitUntil("the agent's doctor to see the link", async () => {
    const said = await onAgent(
      "agent",
      "enrolled",
      "certificate",
      "hub-reach",
      "link",
      "clock",
      "hub-version",
      "store",
    );
    return said.ok && about(said, "clock")[0]?.startsWith("ok") ? said : null;
  });
  expect(linked.code).toBe(0);
  expect(
    linked.findings.filter(({ level }) => level !== "ok").map(({ check, level }) => [check, level]),
  ).toEqual([["hub-reach", "note"]]);

  // Somebody else's hub.
  const other = await createHub({ dev: false });
  await other.start();
  const untrusted = await doctor("petrel-agent", [
    "--data",
    agent.data,
    "--hub",
    other.mqtt,
    "--check",
    "hub-reach",
  ]);
  expect(about(untrusted, "hub-reach")).toEqual([expect.stringContaining("HUB_UNTRUSTED")]);
  await other.stop();

  const onHub = (...args: string[]) => doctor("petrel", ["--data", hub.data, ...args]);
  const well = await onHub();
  expect(well.findings.filter(({ level }) => level === "fault")).toEqual([]);
  // As `petrel install` calls it.
  expect(well.findings.find(({ check }) => check === "unit")?.where).toBe("petrel-hub.service");
  expect(about(well, "root-key")).toEqual([expect.stringMatching(/^warning/)]);
  expect(about(well, "backup")).toEqual([expect.stringMatching(/^note: no backup/)]);
  const backup = join(await tempFolder("backup"), "one");
  expect((await runPetrel(["backup", backup, "--wait", "--data", hub.data])).code).toBe(0);
  expect(about(await onHub("--check", "backup"), "backup")).toEqual([expect.stringMatching(/^ok/)]);
  const mistaken = await runPetrel(["doctor", "--check", "bakcup", "--data", hub.data]);
  expect([mistaken.code, mistaken.stderr]).toEqual([2, expect.stringContaining("backup")]);

  await hub.stop();
  await chmod(join(hub.data, "keys", "hub.key"), 0o644);
  const file = join(await tempFolder("bundle"), "hub.tar.gz");
  const down = await onHub("--bundle", file);
  expect(down).toMatchObject({ ok: false, code: 1 });
  expect(about(down, "hub")).toEqual([expect.stringContaining("HUB_UNREACHABLE")]);
  expect(about(down, "store")).toEqual([expect.stringMatching(/^ok: it opens: format/)]);
  expect(about(down, "secret-files")).toEqual([expect.stringMatching(/^fault/)]);
  const bundle = gunzipSync(await readFile(file)).toString("utf8");
  for (const name of ["hub.key", "ca.key", "root.key", "tls.key"]) {
    const [, secret = "none"] = (await readFile(join(hub.data, "keys", name), "utf8")).split("\n");
    expect([name, bundle.includes(secret)]).toEqual([name, false]);
  }

  const cut = await waitUntil("the agent to notice", async () => {
    const said = await onAgent("agent", "link", "hub-reach");
    return about(said, "link")[0]?.startsWith("fault") ? said : null;
  });
  expect(about(cut, "agent")).toEqual([expect.stringMatching(/^ok/)]);
  expect(about(cut, "hub-reach")).toEqual([
    expect.stringMatching(/^fault: it does not answer: ECONNREFUSED/),
  ]);
  await running.stop();
});
