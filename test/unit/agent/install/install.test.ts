/** What the installation of agent and hub writes. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { agentConfigText } from "../../../../agent/install/config-text.ts";
import { exampleAgentConfig } from "../../../../agent/install/example-config.ts";
import { agentProduct } from "../../../../agent/install/product.ts";
import { agentUnit } from "../../../../agent/install/unit.ts";
import { exampleHubConfig } from "../../../../hub/install/example-config.ts";
import { hubUser } from "../../../../hub/install/product.ts";
import { hubUnit } from "../../../../hub/install/unit.ts";
import { type AgentConfig, agentSettings } from "../../../../shared/config/agent-config.ts";
import { resolveConfig } from "../../../../shared/config/config.ts";
import {
  checkFit,
  checkMachine,
  digestIn,
  parseDescription,
  type Wanted,
} from "../../../../shared/install/candidate.ts";
import { layoutOf } from "../../../../shared/install/layout.ts";
import { missingSettings, type Piece, piecesOf, stepOf } from "../../../../shared/install/plan.ts";
import { readYaml } from "../../../../shared/yaml/read-yaml.ts";

const docs = (name: string) => readFileSync(resolve(import.meta.dirname, "../../../../docs", name), "utf8");

describe("configuration", () => {
  test("is the documented example, to the letter", () => {
    expect(exampleAgentConfig).toBe(docs("agent.example.yaml"));
    expect(exampleHubConfig).toBe(docs("hub.example.yaml"));
    expect(agentConfigText({ hub: null, id: null, labels: {} })).toBe(exampleAgentConfig);
  });
});

describe("wishes", () => {
  test("stand in the configuration as they were said, whatever is in them", () => {
    const wishes = {
      hub: "mqtts://hub.example.org:8883",
      id: "web-1",
      labels: { role: 'a "quoted": #value', "rack/row": "yes", on: "1" },
    };
    const { documents } = readYaml(agentConfigText(wishes), "agent.yaml");
    const { values } = resolveConfig<AgentConfig>(agentSettings, { file: documents[0], env: {}, flags: {} });
    expect({ hub: values.hub, id: values.id, labels: values.labels }).toEqual(wishes);
  });

  test("that an edited file lacks are named; comments and what is usual are not", () => {
    const text = agentConfigText({ hub: "mqtts://new", id: null, labels: { role: "web" } });
    const piece = {
      kind: "file",
      path: "/etc/x",
      mode: 0o644,
      text,
      usual: exampleAgentConfig,
      owner: "theirs",
    } as const;
    expect(missingSettings(piece, "hub: mqtts://old\n")).toEqual([
      'hub: "mqtts://new"',
      "labels:",
      '  "role": "web"',
    ]);
    expect(missingSettings({ ...piece, text: exampleAgentConfig }, "hub: mqtts://old\n")).toEqual([]);
  });
});

describe("what is done with a path", () => {
  const file = (owner: "ours" | "theirs"): Piece => ({
    kind: "file",
    path: "/f",
    mode: 0o644,
    text: "new",
    owner,
  });
  const state: Piece = { kind: "folder", path: "/d", mode: 0o700 };
  test.each([
    ["nothing there", file("theirs"), null, "make"],
    ["ours, as it is", file("ours"), { mode: 0o644, text: "new" }, "none"],
    ["ours, older", file("ours"), { mode: 0o644, text: "old" }, "change"],
    ["ours, with another mode", file("ours"), { mode: 0o666, text: "new" }, "change"],
    ["theirs, edited", file("theirs"), { mode: 0o600, text: "edited" }, "keep"],
    [
      "a link elsewhere",
      { kind: "link", path: "/l", to: "a" } as const,
      { mode: 0o777, text: "b" },
      "change",
    ],
    ["a state folder that others may read", state, { mode: 0o755, text: null }, "change"],
    ["a folder of the system", { ...state, mode: 0o755 }, { mode: 0o775, text: null }, "none"],
  ] as const)("%s", (_, piece, found, step) => expect(stepOf(piece, found)).toBe(step));

  test("links lead where the host itself will have them, also below another root", () => {
    const texts = { guard: "", config: "", usualConfig: "", units: { "a.service": "" } };
    const links = (root: string) =>
      piecesOf(layoutOf(agentProduct, root), agentProduct, "1.0.0", texts).flatMap((piece) =>
        piece.kind === "link" ? [[piece.path, piece.to]] : [],
      );
    expect(links("/image")).toEqual([
      ["/image/opt/petrel/agent/current", "versions/1.0.0"],
      ["/image/usr/local/bin/petrel-agent", "/opt/petrel/agent/current/petrel-agent"],
    ]);
    expect(links("/").map(([, to]) => to)).toEqual(links("/image").map(([, to]) => to));
  });
});

describe("a program that is to be installed", () => {
  const elf = (machine: number, bits = 2) => {
    const head = Buffer.alloc(20);
    head.write("\x7fELF", "latin1");
    head[5] = bits === 2 ? 1 : 2;
    if (bits === 2) head.writeUInt16LE(machine, 18);
    else head.writeUInt16BE(machine, 18);
    return head;
  };
  test("is for this machine", () => {
    expect(() => checkMachine(elf(62), "x64", "f")).not.toThrow();
    expect(() => checkMachine(elf(183), "arm64", "f")).not.toThrow();
    expect(() => checkMachine(Buffer.from("#!/bin/sh\n"), "x64", "f")).not.toThrow();
    expect(() => checkMachine(elf(183), "x64", "f")).toThrow(/for arm64, this host is x64/);
    expect(() => checkMachine(elf(8, 1), "x64", "f")).toThrow(/machine 8/);
  });

  test.each(["", "1.0.0", "{}", '{"program":"petrel-agent","version":"1.0.0/..","store_format":1}'])(
    "%j is no description",
    (text) => expect(() => parseDescription(text, "f")).toThrow(/version --json/),
  );

  const found = { program: "petrel-agent", version: "1.1.0", store_format: 2 };
  const none = {
    allowDowngrade: false,
    allowFormatChange: false,
    program: "petrel-agent",
    upgrade: () => "",
    steps: "",
  };
  const back = {
    ...none,
    installed: { version: "1.2.0", store_format: 3 },
    allowDowngrade: true,
    allowFormatChange: true,
  };
  test.each<[Wanted, string | null]>([
    [{ ...none, installed: null }, null],
    [{ ...none, installed: { version: "1.0.0", store_format: 2 } }, null],
    [{ ...none, installed: null, program: "petrel" }, "UPGRADE_UNFIT"],
    [{ ...none, installed: { version: "1.2.0", store_format: 2 } }, "UPGRADE_OLDER"],
    [{ ...none, installed: { version: "1.2.0", store_format: 2 }, allowDowngrade: true }, null],
    [{ ...none, installed: { version: "1.0.0", store_format: 1 } }, "UPGRADE_FORMAT"],
    [{ ...none, installed: { version: "1.0.0", store_format: 1 }, allowFormatChange: true }, null],
    // Back over a format: only where the database is of before.
    [{ ...back, stored: null }, null],
    [{ ...back, stored: 2 }, null],
    [{ ...back, stored: 1 }, null],
    [{ ...back, stored: 3 }, "UPGRADE_UNFIT"],
    [back, "UPGRADE_UNFIT"],
    [{ ...back, stored: 2, allowDowngrade: false }, "UPGRADE_UNFIT"],
    [{ ...back, stored: 2, allowFormatChange: false }, "UPGRADE_UNFIT"],
  ])("%j: %s", (wanted, code) => {
    const check = () => checkFit(found, wanted, "f");
    if (code === null) expect(check).not.toThrow();
    else expect(check).toThrow(expect.objectContaining({ code }));
  });

  test("has its line in SHA256SUMS by its name alone", () => {
    const [a, b] = ["a".repeat(64), "B".repeat(64)];
    const sums = `${a}  dist/petrel-agent\n${b} *petrel\n`;
    expect([digestIn(sums, "petrel-agent"), digestIn(sums, "petrel"), digestIn(sums, "agent")]).toEqual([
      a,
      b.toLowerCase(),
      null,
    ]);
  });
});

describe("units", () => {
  const agent = agentUnit({ program: "/p/petrel-agent", guard: "/p/guard" });
  const settings = (text: string) =>
    new Set(text.split("\n").flatMap((line) => /^([A-Za-z]+)=/.exec(line)?.[1] ?? []));

  test("the agent's hides no path from the watcher and takes nothing from sudo and run_as", () => {
    const hiding = [...settings(agent)].filter((name) =>
      /^(Protect|Private|ReadOnly|ReadWrite|Inaccessible|Temporary|Bind|Restrict|System|Lock|NoNew|Memory|IPAddress|User$|DynamicUser|RootDirectory|Exec(Paths|SearchPath))/.test(
        name,
      ),
    );
    expect(hiding).toEqual([]);
    for (const name of [
      "ProtectSystem",
      "ProtectHome",
      "PrivateTmp",
      "NoNewPrivileges",
      "RestrictNamespaces",
    ])
      expect(agent).toMatch(new RegExp(`^# .*${name}`, "m"));
  });

  test("the hub's has a sandbox, and a user that no action runs as", () => {
    const host = { state: "/var/lib/petrel", user: hubUser };
    const hub = hubUnit({ program: "/p/petrel", guard: "/g", ...host });
    for (const name of ["ProtectSystem", "ProtectHome", "PrivateTmp", "NoNewPrivileges", "SystemCallFilter"])
      expect(settings(hub)).toContain(name);
    expect(hubUser).not.toBe("petrel");
    expect(hub).toContain("StateDirectory=petrel petrel-backups\n");
  });
});
