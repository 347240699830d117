/** The agent beside the hub: there for whoever asks from the hub's first answer on. */
import { expect, test } from "vitest";
import type { Execution } from "../../../shared/model/execution.ts";
import { createHub } from "../../support/fleet.ts";
import { packsRunning, userOf } from "../../support/fleet-user.ts";

test("an action may be run as soon as the hub answers, before its agent has come", async () => {
  const hub = await createHub({ args: ["--with-agent"] });
  await hub.start();
  const body = { action: "core.echo", parameters: { message: "early" } };
  const { items } = await hub.api<{ items: Execution[] }>("POST", "/v1/executions", body);
  expect(items).toMatchObject([{ agent: "hub", status: "scheduled" }]);
  const user = userOf(hub);
  // A pack registered as early comes before the request that needs its configuration.
  await user.says("pack", "register", `${packsRunning}/chain`, "--set", "greeting=early");
  expect(await user.json<Execution>("run", "chain.greet", "value=1")).toMatchObject({
    status: "succeeded",
    result: { result: { greeting: "early" } },
  });
  expect(await user.json<Execution>("execution", "get", items[0]?.id ?? "")).toMatchObject({
    status: "succeeded",
    result: { stdout: "early" },
  });
});
