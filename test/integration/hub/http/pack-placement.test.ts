/** Which agents run a pack and with what, over HTTP, with the real pack desk and store behind it. */
import { describe, expect, test } from "vitest";
import { fingerprintFor } from "../../../../hub/packs/assign.ts";
import { configFor } from "../../../../hub/packs/layers.ts";
import { PackDesk } from "../../../../hub/packs/pack-desk.ts";
import { openedPack } from "../../../../hub/secrets/sealed-pack.ts";
import { silentLogger } from "../../../../shared/log.ts";
import { anAgent } from "../../../support/records.ts";
import { aPackRecord, startApi } from "../../../support/start-api.ts";
import { testSealer } from "../../../support/test-sealer.ts";

const mask = "********";
const web = { role: "web" };

async function start() {
  let told = 0;
  const started = await startApi({
    agentConfig: configFor,
    configurePack: (...args) => desk.configure(...args),
    assignPack: (...args) => desk.assign(...args),
  });
  const { api, store, key } = started;
  const desk: PackDesk = new PackDesk({
    store,
    sealer: testSealer(),
    telling: {
      tellAll: async () => {
        told++;
      },
    },
    keepContents: async () => {},
    assignTo: [],
    now: Date.now,
    log: silentLogger,
  });
  const base = aPackRecord();
  const config_schema = {
    ...base.pack.config_schema,
    level: { type: "string", enum: ["low", "high"] },
  };
  await store.putPack(aPackRecord({ pack: { ...base.pack, config_schema }, assigned_to: [] }), null);
  const send = async (
    method: "GET" | "PUT" | "PATCH" | "DELETE",
    path: string,
    payload?: object | string,
  ) => {
    const answer = await api.inject({
      method,
      url: `/v1/packs/${path}`,
      headers: {
        authorization: `Bearer ${key}`,
        ...(payload !== undefined && { "content-type": "application/json" }),
      },
      ...(payload !== undefined && { payload }),
    });
    return { status: answer.statusCode, body: answer.json() };
  };
  return { store, send, toldTimes: () => told };
}

describe("assigning and configuring", () => {
  test("by labels gives some agents a layer of their own; secrets are kept and never shown", async () => {
    const { store, send, toldTimes } = await start();
    const assigned = await send("PUT", "mypack/assignment", {
      to: { add: web },
      set: { "sensor.depth": 4, token: "s3cret" },
    });
    expect(assigned).toMatchObject({ status: 200, body: { assigned_to: [web] } });
    expect(JSON.stringify(assigned.body)).not.toContain("s3cret");
    expect(toldTimes()).toBe(1);
    const kept = await store.pack("mypack");
    expect(JSON.stringify(kept)).not.toContain("s3cret");
    expect(kept && openedPack(kept, testSealer())).toMatchObject({
      config: { token: "hunter2" },
      layers: [{ labels: web, config: { sensor: { depth: 4 }, token: "s3cret" } }],
    });

    const shown = await send("GET", "mypack/config");
    expect(shown.body).toMatchObject({
      config: { token: mask },
      layers: [{ labels: web, config: { sensor: { depth: 4 }, token: mask } }],
      effective: { token: mask, sensor: { depth: 3 } },
    });
    // What was read is written back with one change: the secrets stay those that are stored.
    const [layer] = shown.body.layers;
    await send("PUT", "mypack/config?labels=role%3Dweb", { ...layer.config, level: "high" });
    await send("PATCH", "mypack/config", { level: "low" });
    const written = await store.pack("mypack");
    expect(written && openedPack(written, testSealer())).toMatchObject({
      config: { token: "hunter2", level: "low" },
      layers: [{ labels: web, config: { token: "s3cret", level: "high" } }],
    });

    await store.putAgent(anAgent({ id: "web-1", labels: web }), null);
    await store.putAgent(anAgent({ id: "db-1" }), null);
    const effective = async (agent: string) =>
      (await send("GET", `mypack/config?agent=${agent}`)).body.effective;
    expect(await effective("web-1")).toEqual({ token: mask, level: "high", sensor: { depth: 4 } });
    expect(await effective("db-1")).toEqual({ token: mask, level: "low", sensor: { depth: 3 } });

    expect((await send("DELETE", "mypack/config?labels=role%3Dweb")).body.layers).toEqual([]);
    const removed = await send("PUT", "mypack/assignment", { to: { remove: web } });
    expect(removed.body.assigned_to).toEqual([]);
  });

  test("shows how far each agent is, of those that are asked for", async () => {
    const { store, send } = await start();
    await send("PUT", "mypack/assignment", { to: "all" });
    const pack = await store.pack("mypack");
    if (pack === null) throw new Error("no pack");
    const fingerprints = { mypack: fingerprintFor(pack, web) };
    await store.putAgent(
      anAgent({ id: "web-1", labels: web, packs: { mypack: pack.digest }, fingerprints }),
      null,
    );
    await store.putAgent(anAgent({ id: "db-1", online: false, fingerprints: {} }), null);
    const states = async (query: string) =>
      (await send("GET", `mypack/agents${query}`)).body.items.map(
        ({ agent, state }: { agent: string; state: string }) => `${agent} ${state}`,
      );
    expect(await states("")).toEqual(["db-1 away", "web-1 applied"]);
    expect(await states("?labels=role%3Dweb")).toEqual(["web-1 applied"]);
    expect(await states("?labels=role%3Dmail")).toEqual([]);
  });
});

describe("a request that is wrong changes nothing, is told to no agent, and is answered with why", () => {
  test.each<
    ["GET" | "PUT" | "PATCH" | "DELETE", string, object | string | undefined, number, string, RegExp]
  >([
    ["PUT", "nopack/assignment", { to: "all" }, 404, "NOT_FOUND", /nopack/],
    ["PUT", "nopack/config", {}, 404, "NOT_FOUND", /nopack/],
    ["GET", "nopack/config", undefined, 404, "NOT_FOUND", /nopack/],
    ["GET", "nopack/agents", undefined, 404, "NOT_FOUND", /nopack/],
    ["GET", "mypack/config?agent=web-9", undefined, 404, "NOT_FOUND", /web-9/],
    ["GET", "mypack/config?agnet=web-9", undefined, 400, "API_BAD_REQUEST", /agnet/],
    ["PUT", "mypack/config?labels=role", {}, 400, "API_BAD_REQUEST", /'role' are no labels/],
    ["PUT", "mypack/config?labels=", {}, 400, "API_BAD_REQUEST", /./],
    ["GET", "mypack/agents?labels=%3Dweb", undefined, 400, "API_BAD_REQUEST", /'=web' are no labels/],
    ["DELETE", "mypack/config", undefined, 400, "API_BAD_REQUEST", /labels/],
    ["PUT", "mypack/assignment", {}, 400, "API_BAD_REQUEST", /'to'/],
    ["PUT", "mypack/assignment", { to: "some" }, 400, "API_BAD_REQUEST", /to/],
    ["PUT", "mypack/assignment", { to: { add: {} } }, 400, "API_BAD_REQUEST", /fewer than 1/],
    ["PUT", "mypack/assignment", { to: { add: { "a=b": "c" } } }, 400, "API_BAD_REQUEST", /to\.add/],
    ["PUT", "mypack/assignment", { to: { add: web, remove: web } }, 400, "API_BAD_REQUEST", /to/],
    ["PUT", "mypack/assignment", { to: { add: { role: 7 } } }, 400, "API_BAD_REQUEST", /string/],
    ["PUT", "mypack/assignment", { to: "all", sets: {} }, 400, "API_BAD_REQUEST", /'sets'/],
    ["PUT", "mypack/assignment", { to: "none", set: { level: "low" } }, 400, "PACK_CONFIG", /let go/],
    ["PUT", "mypack/assignment", { to: { remove: web }, config: {} }, 400, "PACK_CONFIG", /let go/],
    ["PUT", "mypack/assignment", { to: "all", config: { level: "loud" } }, 400, "PACK_CONFIG", /low/],
    ["PATCH", "mypack/config", {}, 400, "API_BAD_REQUEST", /fewer than 1/],
    ["PATCH", "mypack/config", { "sensor.depth": "deep" }, 400, "PACK_CONFIG", /integer/],
    ["PATCH", "mypack/config?labels=role%3Dweb", { level: 7 }, 400, "PACK_INVALID", /role=web \(level\)/],
    ["PUT", "mypack/config", [1], 400, "API_BAD_REQUEST", /object/],
    ["PUT", "mypack/config", '{"level":', 400, "API_BAD_REQUEST", /JSON/],
    ["PUT", "mypack/config", { note: "x".repeat(100 * 1024) }, 400, "PACK_CONFIG", /bytes/],
    ["PUT", "mypack/config", { level: "loud", sensor: 3 }, 400, "PACK_INVALID", /2 errors/],
  ])("%s %s %j", async (method, path, payload, status, code, message) => {
    const { store, send, toldTimes } = await start();
    const before = await store.pack("mypack");
    const answer = await send(method, path, payload);
    expect([answer.status, answer.body.error.code]).toEqual([status, code]);
    expect(JSON.stringify(answer.body.error)).toMatch(message);
    expect(JSON.stringify(answer.body)).not.toContain("hunter2");
    expect(await store.pack("mypack")).toEqual(before);
    expect(toldTimes()).toBe(0);
  });

  test("the place says for which agents a configuration does not fit", async () => {
    const { send } = await start();
    const answer = await send("PATCH", "mypack/config?labels=role%3Dweb", { level: "loud" });
    expect(answer.body.error.where).toBe("config for role=web (level)");
  });
});
