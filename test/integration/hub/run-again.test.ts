/** An execution that is run again, with its secrets or not at all. */
import { expect, onTestFinished, test } from "vitest";
import type { AgentRegistry } from "../../../hub/agents/agent-registry.ts";
import { RunDesk } from "../../../hub/executions/run-desk.ts";
import { buildCatalogue } from "../../../hub/packs/catalogue.ts";
import { openedParameters } from "../../../hub/secrets/sealed-execution.ts";
import { openLevelStore } from "../../../hub/store/level-store.ts";
import { ulidSource } from "../../../shared/ids.ts";
import { silentLogger } from "../../../shared/log.ts";
import { systemClock, systemRandom } from "../../../shared/system-process.ts";
import { packRecord } from "../../contract/store/world.ts";
import { anAction, anAgent, anExecution, knownAgents } from "../../support/records.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { testSealer } from "../../support/test-sealer.ts";

test("one whose secrets are lost is refused until they are given again: its action would be told the mask", async () => {
  const store = await openLevelStore({
    folder: await tempFolder("again"),
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
  });
  onTestFinished(() => store.close());
  const login = anAction({
    ref: "mypack.login",
    pack: "mypack",
    parameters: { user: { type: "string" }, token: { type: "string", secret: true } },
  });
  const record = packRecord();
  const catalogue = buildCatalogue([{ ...record, pack: { ...record.pack, actions: [login] } }]);
  const sealer = testSealer();
  const desk = new RunDesk({
    store,
    registry: knownAgents(anAgent({ id: "web-1" })) as AgentRegistry,
    catalogue: () => catalogue,
    resolve: async (_, parameters) => ({ runner_parameters: {}, parameters }),
    shrink: async (dispatches) => dispatches,
    sealer,
    now: Date.now,
    newId: ulidSource(systemClock, systemRandom),
  });
  const parameters = { user: "ann", token: "********" };
  const lost = anExecution({ id: "E1", action: login.ref, agent: "web-1", parameters, sealed: {} });
  await store.createExecutions([lost], []);
  await expect(desk.rerun(lost.id, { user: "me", parameters: {} })).rejects.toMatchObject({
    code: "PARAMETER_INVALID",
    where: "token",
    hint: expect.stringContaining("re-run"),
  });
  const again = await desk.rerun(lost.id, { user: "me", parameters: { token: "hunter2" } });
  expect(openedParameters(again, sealer)).toEqual({ user: "ann", token: "hunter2" });
  // With its own secrets it needs nobody to give them.
  const third = await desk.rerun(again.id, { user: "me", parameters: {} });
  expect(openedParameters(third, sealer)).toEqual({ user: "ann", token: "hunter2" });
});
