import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { type AgentConfig, agentSettings } from "../../../../shared/config/agent-config.ts";
import { resolveConfig, type Setting } from "../../../../shared/config/config.ts";
import { type HubConfig, hubSettings } from "../../../../shared/config/hub-config.ts";
import { isObject, type Json } from "../../../../shared/json.ts";
import { readYaml, type YamlDocument } from "../../../../shared/yaml/read-yaml.ts";

const nothing = { env: {}, flags: {} };

function file(text: string, name = "hub.yaml"): YamlDocument {
  const { documents, problems } = readYaml(text, name);
  return { value: documents[0]?.value ?? null, at: documents[0]?.at ?? (() => name), problems };
}

describe("the hub's settings", () => {
  test("without anything said are the defaults, and frozen", () => {
    const { values, origins } = resolveConfig<HubConfig>(hubSettings, nothing);
    expect(values).toMatchObject({
      data: null,
      http: { listen: "127.0.0.1:7480" },
      mqtt: { listen: null },
      broker: { url: null },
      retention: { days: 90 },
    });
    expect(origins["http.listen"]).toBe("default");
    expect(Object.isFrozen(values)).toBe(true);
    expect(Object.isFrozen(values.retention)).toBe(true);
  });

  test("come from file, environment and flags, each over the one before, and say from where", () => {
    const { values, origins } = resolveConfig<HubConfig>(hubSettings, {
      file: file(
        "http:\n  listen: 1\nmqtt:\n  listen: '2'\nretention:\n  days: 3\nbroker:\n".replace(": 1", ": '1'"),
      ),
      env: { PETREL_MQTT: "22", PETREL_RETENTION_DAYS: "33", PETREL_LOG_LEVEL: "" },
      flags: {
        "retention.days": { name: "--days", value: "333" },
        "log.level": { name: "--log-level", value: undefined },
      },
    });
    expect([values.http.listen, values.mqtt.listen, values.retention.days, values.log.level]).toEqual([
      "1",
      "22",
      333,
      "info",
    ]);
    expect(origins).toMatchObject({
      "http.listen": "hub.yaml:2 (http.listen)",
      "mqtt.listen": "PETREL_MQTT",
      "retention.days": "--days",
      "log.level": "default",
    });
  });

  test("that are wrong are all refused at once, each with its place", () => {
    const wrong = () =>
      resolveConfig<HubConfig>(hubSettings, {
        file: file("htpp:\n  listen: '1'\nretention:\n  days: 0\n  max: 1\nlog: loud\n"),
        env: { PETREL_HTTP: "over there" },
        flags: { "broker.url": { name: "--broker-url", value: "http://x" } },
      });
    expect(wrong).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
    try {
      wrong();
    } catch (error) {
      const lines = String((error as Error).message)
        .split("\n")
        .slice(1);
      expect(lines.map((line) => line.trim().replace(/ must.*/, ""))).toEqual([
        "hub.yaml:1 (htpp): unknown setting 'htpp'; write 'http'",
        "hub.yaml:5 (retention.max): unknown setting 'retention.max'; one of: days, max_instances, max_mib",
        "hub.yaml:6 (log):",
        "PETREL_HTTP: http.listen",
        "--broker-url: broker.url",
        "hub.yaml:4 (retention.days): retention.days",
      ]);
    }
  });

  test("in a file that does not parse are refused with its line", () => {
    const broken = () => resolveConfig(hubSettings, { ...nothing, file: file("http: [1\nx: 2\n") });
    expect(broken).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
    expect(broken).toThrow(/./);
  });
});

test("an agent's limits name actions by refs and patterns, and are whole numbers", () => {
  const read = (limits: string) => () =>
    resolveConfig<AgentConfig>(agentSettings, {
      ...nothing,
      file: file(`actions: {limits: ${limits}}\n`, "agent.yaml"),
    }).values.actions.limits;
  expect(read('{backup.full: 1, "reports.*": 4, "*": 20}')()).toEqual({
    "backup.full": 1,
    "reports.*": 4,
    "*": 20,
  });
  expect(read("{backup: 1}")).toThrow(/actions\.limits.*property name/);
  expect(read("{backup.full: 0}")).toThrow(/must be >= 1/);
});

test("an agent's labels can be given as text, and hold only text", () => {
  const { values } = resolveConfig<AgentConfig>(agentSettings, {
    env: { PETREL_AGENT_LABELS: "role=web, site=a=b" },
    flags: {},
  });
  expect(values.labels).toEqual({ role: "web", site: "a=b" });
  const wrong = (text: string) => () =>
    resolveConfig(agentSettings, { env: { PETREL_AGENT_LABELS: text }, flags: {} });
  expect(wrong("role")).toThrow(/labels must be object/);
  expect(() =>
    resolveConfig(agentSettings, { ...nothing, file: file("labels: {n: 1}\n", "agent.yaml") }),
  ).toThrow(/labels\.n must be string/);
});

describe.each<[string, readonly Setting[]]>([
  ["hub.example.yaml", hubSettings],
  ["agent.example.yaml", agentSettings],
])("docs/%s", (name, settings) => {
  const text = readFileSync(resolve(import.meta.dirname, "../../../../docs", name), "utf8");

  test("is valid, and says what the defaults are", () => {
    const { values } = resolveConfig(settings, { ...nothing, file: file(text, name) });
    expect(values).toEqual(resolveConfig(settings, nothing).values);
  });

  test("shows every setting with its variable, those without a default as comments", () => {
    const uncommented = file(text.replace(/^(\s*)# (\w+: \S+)$/gm, "$1$2"), name).value;
    for (const { path, env } of settings) {
      let place: Json | undefined = uncommented;
      for (const step of path.split("."))
        place = isObject(place) ? (place[step] as Json | undefined) : undefined;
      expect(place, join(name, path)).toBeDefined();
      if (env !== undefined) expect(text).toContain(env);
    }
  });
});
