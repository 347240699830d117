/** Policies of a pack at work: one hub, two agents, and a hub that is killed while executions wait. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Execution } from "../../../shared/model/execution.ts";
import { sharedByFile } from "../../support/at-end.ts";
import { agentReady, createAgent, createHub } from "../../support/fleet.ts";
import { packsRunning, userOf } from "../../support/fleet-user.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { waitUntil } from "../../support/wait-until.ts";

async function fleet() {
  const hub = await createHub();
  await hub.start();
  const user = userOf(hub);
  for (const id of ["web-1", "web-2"]) (await createAgent(hub, id, ["role=web"])).start();
  await user.says("pack", "register", `${packsRunning}/limited`);
  for (const id of ["web-1", "web-2"]) await agentReady(hub, id, ["limited"]);
  return { hub, user };
}

const shared = sharedByFile(fleet);

async function start(
  action: string,
  parameters: object,
  host = "web-1",
  { hub } = shared(),
): Promise<string> {
  const body = { action, parameters, target: { host } };
  const { items } = await hub.api<{ items: Execution[] }>("POST", "/v1/executions", body);
  return items[0]?.id ?? "";
}

const execution = (id: string, { hub } = shared()) => hub.api<Execution>("GET", `/v1/executions/${id}`);

function until(id: string, wanted: string, whose = shared()): Promise<Execution> {
  return waitUntil(`execution ${id} to be ${wanted}`, async () => {
    const found = await execution(id, whose);
    if (found.status !== wanted) throw new Error(JSON.stringify(found));
    return found;
  });
}

test("policies are listed with what they say", async () => {
  const { user } = shared();
  const listed = await user.json<{ ref: string }[]>("policy", "list", "--action", "limited.wait");
  expect(listed.map(({ ref }) => ref)).toEqual(["limited.one"]);
  expect(await user.json("policy", "get", "limited.again")).toMatchObject({
    policy_type: "action.retry",
    parameters: { retry_on: "failure", max_retry_count: 3, delay: 1 },
  });
});

test("what waits is on disk: a slot and another attempt come after the hub was killed", async () => {
  const own = await fleet();
  const folder = await tempFolder();
  const [first, second, tries] = ["first", "second", "tries"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const one = await start("limited.wait", { file: first }, "web-1", own);
  const two = await start("limited.wait", { file: second }, "web-2", own);
  const third = await start("limited.third", { file: tries }, "web-2", own);
  await until(one, "running", own);
  expect(await execution(two, own)).toMatchObject({
    status: "delayed",
    reason: "policy limited.one: 1 at once",
    start_timestamp: null,
  });
  await until(third, "failed", own);
  await own.hub.kill();
  await writeFile(first, "");
  await own.hub.start();
  await until(one, "succeeded", own);
  await until(two, "running", own);
  await writeFile(second, "");
  await until(two, "succeeded", own);
  await lastAttempt(own);
});

/** The one that succeeds. */
function lastAttempt({ hub } = shared()): Promise<Execution> {
  return waitUntil("the third attempt to succeed", async () => {
    const all = await hub.all<Execution>("/v1/executions?action=limited.third");
    return all.find(({ status }) => status === "succeeded") ?? null;
  });
}

describe("action.concurrency", () => {
  test("a slot comes back from what is canceled", async () => {
    const file = join(await tempFolder(), "never");
    const one = await start("limited.wait", { file });
    const two = await start("limited.wait", { file });
    await until(one, "running");
    await shared().hub.api("DELETE", `/v1/executions/${one}`);
    await until(one, "canceled");
    await until(two, "running");
    await shared().hub.api("DELETE", `/v1/executions/${two}`);
    await until(two, "canceled");
  });
});

test("action.concurrency.attr counts those of equal values, and cancels what is too much", async () => {
  const file = join(await tempFolder(), "go");
  const berlin = await start("limited.site", { file, site: "berlin" });
  const again = await start("limited.site", { file, site: "berlin" }, "web-2");
  const paris = await start("limited.site", { file, site: "paris" }, "web-2");
  expect(await execution(again)).toMatchObject({
    status: "canceled",
    reason: "policy limited.one_per_site: 1 at once",
  });
  await writeFile(file, "");
  await until(berlin, "succeeded");
  await until(paris, "succeeded");
});

test("action.retry tries again until it succeeds", async () => {
  const { user } = shared();
  const file = join(await tempFolder(), "tries");
  await start("limited.third", { file });
  expect(await lastAttempt()).toMatchObject({
    attempt: 3,
    retried_by: "limited.again",
    parameters: { file },
  });
  const all = await user.json<Execution[]>("execution", "list", "--action", "limited.third");
  expect(all.map(({ attempt, status }) => [attempt, status])).toEqual([
    [3, "succeeded"],
    [2, "failed"],
    [1, "failed"],
  ]);
  expect(all[0]?.rerun_of).toBe(all[1]?.id);
});

test("petrel run follows it to its last attempt, and so does a tail", async () => {
  const { user } = shared();
  const words = async () => ["limited.third", `file=${join(await tempFolder(), "tries")}`, "--host", "web-2"];
  const ran = await user.run("run", ...(await words()), "--json");
  expect({ code: ran.code, ...JSON.parse(ran.stdout) }).toMatchObject({ code: 0, attempt: 3 });
  expect(ran.stderr.match(/limited\.again tries again(, at \S+)?: attempt [23] is 01\S+\n/g)).toHaveLength(2);
  const tailed = await user.run("run", ...(await words()), "--tail");
  expect(tailed.code).toBe(0);
  expect(tailed.stderr.match(/01\S+: failed; it is tried again: 01\S+\n/g)).toHaveLength(2);
});
