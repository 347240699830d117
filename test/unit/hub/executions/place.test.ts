import { describe, expect, test } from "vitest";
import { type Placement, place } from "../../../../hub/executions/place.ts";
import type { ActionTarget } from "../../../../shared/model/rule.ts";
import { anAgent, knownAgents } from "../../../support/records.ts";

const fleet = knownAgents(
  anAgent({ id: "hub", host: "centre" }),
  anAgent({ id: "web-2", host: "w2", labels: { role: "web" } }),
  anAgent({ id: "web-1", host: "w1", labels: { role: "web", zone: "a" } }),
  anAgent({ id: "web-3", host: "w3", labels: { role: "web" }, online: false }),
  anAgent({ id: "twin-1", host: "twin" }),
  anAgent({ id: "twin-2", host: "twin" }),
);
const found = (...agents: string[]): Placement => ({ found: true, agents });

describe("placing an action", () => {
  test.each<[string, ActionTarget | undefined, string | null, Placement]>([
    ["defaults to the trigger's agent", undefined, "web-2", found("web-2")],
    ["defaults to the agent beside the hub for what came from no agent", undefined, null, found("hub")],
    ["may ask for the hub's agent", "hub", "web-1", found("hub")],
    ["finds a host by its agent's id", { host: "web-1" }, null, found("web-1")],
    ["finds a host by its host name", { host: "w2" }, null, found("web-2")],
    [
      "takes all agents with the labels, offline ones too",
      { labels: { role: "web" } },
      null,
      found("web-1", "web-2", "web-3"),
    ],
    ["takes one that is online for mode any", { labels: { role: "web" }, mode: "any" }, null, found("web-1")],
    [
      "takes as many online ones as the limit",
      { labels: { role: "web" }, limit: 2 },
      null,
      found("web-1", "web-2"),
    ],
    ["wants every label", { labels: { role: "web", zone: "a" } }, null, found("web-1")],
  ])("%s", (_, target, agent, expected) => {
    expect(place(target, { agent }, fleet)).toEqual(expected);
  });

  test.each<[string, ActionTarget | undefined, string | null, RegExp]>([
    ["an agent that is not there", { host: "nowhere" }, null, /there is no agent nowhere/],
    ["labels that nobody has", { labels: { role: "db" } }, null, /no agent has the labels role=db/],
    ["a host with two agents", { host: "twin" }, null, /2 agents run on host twin/],
    ["origin without an agent", "origin", null, /came from no agent/],
    ["labels from the prototype", { labels: { constructor: "x" } }, null, /no agent has the labels/],
  ])("names the reason for %s", (_, target, agent, reason) => {
    const placement = place(target, { agent }, fleet);
    expect(placement.found).toBe(false);
    expect(placement.found ? "" : placement.reason).toMatch(reason);
  });

  test("says how to get an agent beside the hub when there is none", () => {
    expect(place("hub", { agent: null }, knownAgents())).toMatchObject({
      reason: expect.stringMatching(/--id hub`.*--with-agent/),
    });
  });
});
