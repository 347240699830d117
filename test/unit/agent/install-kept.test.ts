import { describe, expect, test } from "vitest";
import { type Asked, keptText, movedText, notUsed } from "../../../agent/install/kept.ts";

const before = {
  agent: "web-1",
  hub: "mqtts://hub.example.org",
  enroll: "mqtts://hub.example.org:8883",
  config: { path: "/etc/petrel/agent.yaml", isThere: true, hub: null },
};
const nothing: Asked = { hub: null, id: null, token: false, enrollAt: null };
const configured = (hub: string | null, isThere = true) => ({
  ...before,
  config: { ...before.config, isThere, hub },
});

describe("what install leaves on an enrolled host", () => {
  test.each([
    ["nothing that was not asked for", nothing, before, []],
    ["another name", { ...nothing, id: "web-2" }, before, ["--id"]],
    ["the same name", { ...nothing, id: "web-1" }, before, []],
    ["a token", { ...nothing, token: true }, before, ["--token"]],
    ["another place to enrol", { ...nothing, enrollAt: "mqtts://other" }, before, ["--enroll-at"]],
    ["the same place to enrol", { ...nothing, enrollAt: "mqtts://hub.example.org" }, before, []],
    ["the hub it enrolled at", { ...nothing, hub: "mqtts://hub.example.org:8883" }, before, []],
    ["another hub than it enrolled at", { ...nothing, hub: "mqtts://other" }, before, ["--hub"]],
    ["the hub it is told of", { ...nothing, hub: "mqtts://other:8883" }, configured("mqtts://other"), []],
    [
      "where it enrolled before it was told",
      { ...nothing, hub: before.hub },
      configured("mqtts://other"),
      ["--hub"],
    ],
    ["another port", { ...nothing, hub: "mqtts://hub.example.org:1" }, before, ["--hub"]],
    ["what is no URL", { ...nothing, hub: "other" }, before, ["--hub"]],
    [
      "no hub where a configuration is to be written",
      { ...nothing, hub: "mqtts://other" },
      configured(null, false),
      [],
    ],
  ] as const)("%s", (_, asked, kept, options) => {
    expect(notUsed(asked, kept)).toEqual(options);
  });

  test("is said with what to do, and a hub is nothing to be purged for", () => {
    const said = (asked: Partial<Asked>, kept = before) => keptText({ ...nothing, ...asked }, kept);
    expect(said({})).toBe("");
    expect(said({ token: true })).toBe(
      "this host is enrolled already, as web-1 at mqtts://hub.example.org, and stays so: --token was not used\n",
    );
    const moved = said({ hub: "mqtts://other", token: true });
    expect(moved).toContain("--hub and --token were not used");
    expect(moved).toContain(
      'write `hub: "mqtts://other"` into /etc/petrel/agent.yaml, then `systemctl restart petrel-agent.service`',
    );
    expect(moved).not.toContain("purge");
    expect(said({ id: "web-2" })).toContain("`petrel-agent uninstall --purge` here");
    const written = { ...nothing, hub: "mqtts://other" };
    expect(keptText(written, configured(null, false))).toBe("");
    expect(movedText(written, configured(null, false))).toBe(
      "the hub is mqtts://other from the agent's next start on: systemctl restart petrel-agent.service\n",
    );
    expect(movedText(written, before)).toBe("");
    expect(movedText({ ...nothing, hub: before.hub }, configured(null, false))).toBe("");
  });
});
