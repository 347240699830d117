/** Faults are planted in the folder of an agent that does not run, and its doctor has to find each. */
import { execFile, spawn } from "node:child_process";
import { createHash, generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { ClassicLevel } from "classic-level";
import { describe, expect, test } from "vitest";
import { agentFindings } from "../../../agent/doctor/checks-process.ts";
import { openCase } from "../../../agent/doctor/open-case-fs.ts";
import { runnerModules } from "../../../agent/doctor/programs.ts";
import { agentKey, writeIdentity } from "../../../agent/identity/identity-fs.ts";
import { agentProduct } from "../../../agent/install/product.ts";
import { serveStatus } from "../../../agent/status/status-http.ts";

import type { CliIo } from "../../../shared/cli/cli-io.ts";
import { writeBundle } from "../../../shared/doctor/bundle-fs.ts";
import type { Finding } from "../../../shared/doctor/finding.ts";
import { createMasking } from "../../../shared/doctor/masking.ts";
import { unitFacts } from "../../../shared/doctor/unit-fs.ts";
import { backdatedMs, certificatePem } from "../../../shared/identity/certificates.ts";
import { publicText } from "../../../shared/identity/ed25519.ts";
import { layoutOf } from "../../../shared/install/layout.ts";
import { outcomeText, pendingText } from "../../../shared/install/pending.ts";
import { silentLogger } from "../../../shared/log.ts";

import { tarEntries } from "../../../shared/packs/tar-entries.ts";
import { incarnationKey } from "../../../shared/storage/database-store.ts";
import { formatKey } from "../../../shared/storage/migrate-store.ts";
import { systemTimers } from "../../../shared/system-process.ts";
import { version } from "../../../shared/version.ts";
import { aStatus } from "../../support/agent-status.ts";
import { atEnd } from "../../support/at-end.ts";
import { freePort } from "../../support/fleet.ts";
import { pathWithout } from "../../support/path-without.ts";
import { noon } from "../../support/records.ts";
import { runPetrel } from "../../support/run-petrel.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const runFile = promisify(execFile);

interface Planted {
  readonly data: string;
  readonly config?: string;
  readonly hub?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** ms; default: the system's. */
  readonly now?: number;
  /** That the agent is installed below. */
  readonly root?: string;
}

const day = 86_400_000;
/** When the identities of these tests are made; ms. */
const made = Date.parse("2026-03-01T00:00:00Z");

async function doctor(
  { data, config, hub, env = {}, now = Date.now(), root }: Planted,
  only?: readonly string[],
): Promise<readonly Finding[]> {
  const io: CliIo = {
    out: async () => {},
    err: () => {},
    env,
    cwd: data,
    columns: undefined,
    now: () => now,
    user: "test",
    exitOnInterrupt: () => {},
  };
  const flags = { data, ...(config !== undefined && { config }), ...(hub !== undefined && { hub }) };
  return agentFindings(await openCase(io, flags, root), { quoted: true, only, timers: systemTimers });
}

test("an upgrade that was taken back is told, with the reason and the way out", async () => {
  const root = await tempFolder("doctor");
  const layout = layoutOf(agentProduct, root);
  const looked = () => doctor({ data: layout.state, root }, ["last-upgrade"]);
  expect(await looked()).toMatchObject([{ level: "ok" }]);
  await mkdir(join(layout.versions, "1.0.0"), { recursive: true });
  await writeFile(join(layout.versions, "1.0.0/petrel-agent"), "");
  await symlink("versions/1.0.0", layout.current);
  const ended = { from: "1.0.0", to: "1.1.0", why: "it does not answer", at: "2026-03-01T00:00:00Z" };
  await writeFile(layout.outcome, outcomeText({ ...ended, result: "rolled-back" }));
  expect(await looked()).toMatchObject([
    {
      level: "warning",
      group: "agent",
      what: "the upgrade to 1.1.0 was taken back at 2026-03-01T00:00:00Z: it does not answer",
      where: layout.outcome,
      fix: expect.stringContaining("petrel-agent upgrade FILE"),
    },
  ]);
  // The next one is cut off on its way back: a start alone would mend nothing.
  const pending = { from: "1.0.0", to: "1.2.0", sha256: "a".repeat(64), at: "2026-03-02T00:00:00Z" };
  const before = { linked: true, sensors: [], formatFrom: 1, formatTo: 1 };
  await writeFile(layout.pending, pendingText({ ...pending, ...before, back: "it has no link" }));
  expect(await looked()).toMatchObject([
    {
      level: "warning",
      what: "the upgrade to 1.2.0 is on its way back to 1.0.0, and was cut off: it has no link",
      where: layout.pending,
      fix: [
        "systemctl restart petrel-agent.service ends it",
        'journalctl -u petrel-agent.service --since "2026-03-02 00:00:00 UTC" has what 1.2.0 said',
        "mend that, or take another version: petrel-agent upgrade FILE",
      ].join("; "),
    },
  ]);
});

const levelOf = (findings: readonly Finding[], check: string) =>
  findings.filter((each) => each.check === check).map(({ level }) => level);

async function withFile(name: string, text: string, mode = 0o600): Promise<{ data: string; path: string }> {
  const data = await tempFolder("doctor");
  const path = join(data, name);
  await mkdir(join(path, ".."), { recursive: true, mode: 0o700 });
  await writeFile(path, text);
  await chmod(path, mode);
  return { data, path };
}

/** Of an agent that has enrolled at `hub` at the time `made`. */
async function withIdentity(hub = "mqtts://127.0.0.1:1"): Promise<{ readonly data: string }> {
  const data = await tempFolder("doctor");
  const key = await agentKey(data);
  const root = generateKeyPairSync("ed25519");
  const certificate = certificatePem({
    role: "client",
    subject: "web-1",
    issuer: "test",
    key,
    issuerKey: root.privateKey,
    serial: createHash("sha256").update(data).digest().subarray(0, 8),
    notBefore: made - backdatedMs,
    notAfter: made + 30 * day,
  });
  const fleet = {
    v: 1,
    agent: "web-1",
    hub,
    enroll: hub,
    root: publicText(root.publicKey),
    serial: 1,
  } as const;
  await writeIdentity(data, { fleet, certificate, rootCertificate: certificate });
  return { data };
}

async function withStore(format: string): Promise<{ readonly data: string }> {
  const data = await tempFolder("doctor");
  const level = new ClassicLevel<string, string>(join(data, "store"));
  await level.put(formatKey, format);
  await level.put(incarnationKey, "i1");
  await level.close();
  return { data };
}

/** A search path whose python3 is this host's, but for the module json. */
async function pathWithBarePython(): Promise<string> {
  const folder = await pathWithout("python3");
  const hide = "import sys; sys.modules['json'] = None; exec(sys.argv[1])";
  await writeFile(join(folder, "python3"), `#!/bin/sh\nexec ${await realPython()} -I -c "${hide}" "$3"\n`, {
    mode: 0o755,
  });
  return folder;
}

async function realPython(): Promise<string> {
  const found = await runFile("python3", ["-c", "import sys; print(sys.executable)"]);
  return found.stdout.trim();
}

const plants: readonly (readonly [what: string, expected: string, plant: () => Promise<Planted>])[] = [
  ["nothing at all", "agent fault", async () => ({ data: await tempFolder("doctor") })],
  ["no identity", "enrolled fault", async () => ({ data: await tempFolder("doctor") })],
  [
    "a setting that is none",
    "settings fault",
    async () => {
      const { data, path } = await withFile("agent.yaml", "lables: {role: web}\n", 0o600);
      return { data, config: path };
    },
  ],
  [
    "settings that others may change",
    "settings fault",
    async () => {
      const { data, path } = await withFile("agent.yaml", "labels: {role: web}\n", 0o666);
      return { data, config: path };
    },
  ],
  [
    "a policy that others may change",
    "policy fault",
    async () => {
      const { data, path } = await withFile("policy.yaml", "{}\n", 0o666);
      return { data, env: { PETREL_AGENT_POLICY: path } };
    },
  ],
  [
    "a policy that is not there",
    "policy fault",
    async () => {
      const data = await tempFolder("doctor");
      return { data, env: { PETREL_AGENT_POLICY: join(data, "none.yaml") } };
    },
  ],
  [
    "a key that others may read",
    "identity-files fault",
    async () => {
      const { data } = await withIdentity();
      await chmod(join(data, "identity", "agent.key"), 0o644);
      return { data, now: made + day };
    },
  ],
  [
    "half an identity",
    "certificate fault",
    async () => {
      const { data } = await withIdentity();
      await writeFile(join(data, "identity", "agent.crt"), "");
      return { data, now: made + day };
    },
  ],
  [
    "a certificate that is good",
    "certificate ok",
    async () => ({ ...(await withIdentity()), now: made + day }),
  ],
  [
    "one that should have been renewed",
    "certificate warning",
    async () => ({ ...(await withIdentity()), now: made + 25 * day }),
  ],
  [
    "one that has ended",
    "certificate fault",
    async () => ({ ...(await withIdentity()), now: made + 31 * day }),
  ],
  ["a clock that is behind", "clock fault", async () => ({ ...(await withIdentity()), now: made - 3 * day })],
  [
    "a port where nobody listens",
    "hub-reach fault",
    async () => ({ data: await tempFolder("doctor"), hub: `mqtt://127.0.0.1:${await freePort()}` }),
  ],
  ["a name that nobody knows", "hub-reach fault", async () => withIdentity("mqtts://nobody.invalid")],
  [
    "an address that is not safe",
    "hub-reach fault",
    async () => ({ data: await tempFolder("doctor"), hub: "mqtt://192.0.2.1:1883" }),
  ],
  [
    "a server that speaks no TLS",
    "hub-reach fault",
    async () => {
      const server = createServer((socket) => socket.destroy());
      const port = await freePort();
      await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
      atEnd(() => void server.close());
      return withIdentity(`mqtts://127.0.0.1:${port}`);
    },
  ],
  ["a database that opens", "store ok", () => withStore("1")],
  ["a database of a newer version", "store fault", () => withStore("99")],
  [
    "a database that is damaged",
    "store fault",
    async () => {
      const { data } = await withStore("1");
      await writeFile(join(data, "store", "CURRENT"), "MANIFEST-000000\n");
      return { data };
    },
  ],
  [
    "a database that was set aside",
    "damaged-stores warning",
    async () => {
      const data = await tempFolder("doctor");
      await mkdir(join(data, "store.damaged-2026-01-01"));
      return { data };
    },
  ],
  [
    "no python3, and a pack that needs it",
    "python fault",
    async () => {
      const { data } = await withFile("packs/mypack/abc/actions/do.py", "print()\n");
      return { data, env: { PATH: await pathWithout("python") } };
    },
  ],
  [
    "a python3 without the modules that actions need, as Debian's python3-minimal is",
    "python fault",
    async () => {
      const { data } = await withFile("packs/mypack/abc/actions/do.py", "print()\n");
      return { data, env: { PATH: await pathWithBarePython() } };
    },
  ],
  [
    "the same, and nobody needs it",
    "python note",
    async () => ({ data: await tempFolder("doctor"), env: { PATH: await pathWithBarePython() } }),
  ],
  [
    "no python3, and nobody needs it",
    "python note",
    async () => ({ data: await tempFolder("doctor"), env: { PATH: await pathWithout("python") } }),
  ],
];

describe("what is planted is found", () => {
  test.each(plants)("%s: %s", async (_, expected, plant) => {
    const [check = "", level] = expected.split(" ");
    const findings = await doctor(await plant(), [check]);
    expect([check, levelOf(findings, check)]).toEqual([check, [level]]);
    for (const each of findings) if (each.level === "fault") expect(each.fix).toEqual(expect.any(String));
    // None of the checks broke.
    expect(findings.filter(({ what }) => /could not be looked at|come to an end/.test(what))).toEqual([]);
  });
});

/** A process of its own that has the database open, as an agent has that does not listen yet. */
async function heldStore(): Promise<{ readonly data: string }> {
  const { data } = await withIdentity();
  const level = new ClassicLevel<string, string>(join(data, "store"));
  await level.put(formatKey, "1");
  await level.put(incarnationKey, "i1");
  await level.close();
  const hold = `const { ClassicLevel } = require("classic-level");
const level = new ClassicLevel(process.argv[1]);
level.open().then(() => { console.log("open"); setInterval(() => {}, 1000); });`;
  const child = spawn(process.execPath, ["-e", hold, join(data, "store")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  atEnd(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
  return { data };
}

describe("an agent that is starting", () => {
  const checks = ["agent", "store", "hub-reach"];

  test("is not taken for one that does not run: nobody logs in for it, and its database is left alone", async () => {
    const findings = await doctor({ ...(await heldStore()), now: made + day }, checks);
    expect(levelOf(findings, "agent")).toEqual(["warning"]);
    expect(levelOf(findings, "store")).toEqual(["note"]);
    expect(findings.find(({ check }) => check === "agent")?.what).toContain("it is starting");
    expect(JSON.stringify(findings)).not.toMatch(/STORE_LOCKED|AGENT_CONFLICT/);
  });

  test("is waited for", async () => {
    const { data } = await heldStore();
    const listens = Promise.withResolvers<() => Promise<void>>();
    const asked = doctor({ data, now: noon }, ["agent"]);
    const timer = setTimeout(async () => {
      const close = await serveStatus({
        path: join(data, "agent.sock"),
        status: async () => aStatus({ version, sensors: [] }),
        coverage: () => Promise.reject(new Error("nothing watches")),
        recent: () => [],
        log: silentLogger,
      });
      listens.resolve(close);
    }, 600);
    atEnd(() => clearTimeout(timer));
    expect(levelOf(await asked, "agent")).toEqual(["ok"]);
    await (await listens.promise)();
  });
});

test("each module of Python's own that ours import is looked for", async () => {
  const folder = new URL("../../../agent/python/", import.meta.url);
  const sources = (await readdir(folder, { recursive: true })).filter(
    // What tests of packs need is asked of nobody's host.
    (name) => name.endsWith(".py") && !/st2tests|petrel_suite|petrel_test/.test(name),
  );
  const texts = await Promise.all(sources.map((name) => readFile(new URL(name, folder), "utf8")));
  const imported = texts.flatMap((text) =>
    [...text.matchAll(/^\s*(?:import|from) ([a-z][\w.]*)/gm)].map(([, name = ""]) => name),
  );
  const foreign = imported.filter((name) => !/^(st2|petrel_|unittest)/.test(name));
  expect(foreign).toContain("json");
  expect([...new Set(foreign)].filter((name) => !runnerModules.includes(name)).sort()).toEqual([]);
});

test("nothing is changed by looking", async () => {
  const { data } = await withIdentity();
  const look = async () => {
    const key = join(data, "identity", "agent.key");
    return [await readFile(key, "utf8"), (await stat(key)).mtimeMs, (await stat(data)).mtimeMs];
  };
  const before = await look();
  await doctor({ data });
  expect(await look()).toEqual(before);
});

test("a unit is read with what is put on top of it", async () => {
  const root = await tempFolder("units");
  const name = "petrel-agent.service";
  const units = join(root, "etc/systemd/system");
  expect(await unitFacts(name, root)).toMatchObject({ hasSystemd: false, path: null });
  await mkdir(join(root, "run/systemd/system"), { recursive: true });
  await mkdir(join(units, `${name}.d`), { recursive: true });
  await mkdir(join(units, "multi-user.target.wants"));
  await writeFile(join(units, name), "[Service]\nRestart=always\n");
  await writeFile(join(units, `${name}.d`, "10.conf"), "[Service]\nProtectHome=yes\n");
  await symlink(join(units, name), join(units, "multi-user.target.wants", name));
  expect(await unitFacts(name, root)).toEqual({
    name,
    hasSystemd: true,
    path: join(units, name),
    isEnabled: true,
    settings: [
      ["Restart", "always"],
      ["ProtectHome", "yes"],
    ],
  });
});

test("the command ends with 1 at a fault, and its bundle is for its owner alone and says what is in it", async () => {
  const { data, path } = await withFile("agent.yaml", "hub: mqtts://ann:Planted-url@127.0.0.1:1\n");
  const file = join(data, "doctor.tar.gz");
  const run = () =>
    runPetrel(["doctor", "--data", data, "--config", path, "--json", "--bundle", file], {
      command: "petrel-agent",
      env: { MY_TOKEN: "Planted-variable" },
    });
  const { code, stdout, stderr } = await run();
  expect([code, stderr]).toEqual([1, ""]);
  const said = JSON.parse(stdout) as {
    ok: boolean;
    findings: Finding[];
    bundle: { contents: { name: string }[] };
  };
  expect(said).toMatchObject({ ok: false, bundle: { file } });
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const entries = [...tarEntries(gunzipSync(await readFile(file)))];
  const names = entries.map((entry) => entry.path.replace("petrel-doctor/", ""));
  expect(names).toEqual(["README.txt", ...said.bundle.contents.map(({ name }) => name)]);
  const text = entries.map(({ content }) => Buffer.from(content).toString("utf8")).join("\n");
  expect(text).not.toContain("Planted-");
  for (const entry of entries.filter((each) => each.path.endsWith(".json"))) {
    expect(() => JSON.parse(Buffer.from(entry.content).toString("utf8")), entry.path).not.toThrow();
  }
  const again = await run();
  expect(again.code).toBe(1);
  expect(JSON.parse(again.stderr)).toMatchObject({ error: { code: "BUNDLE_FILE", where: file } });
});

test("a bundle is never written through a link", async () => {
  const folder = await tempFolder("bundle");
  const [link, target] = [join(folder, "link"), join(folder, "target")];
  await symlink(target, link);
  await expect(
    writeBundle(link, [{ name: "a.txt", about: "", content: "x" }], {
      masking: createMasking([]),
      now: made,
    }),
  ).rejects.toMatchObject({ code: "BUNDLE_FILE" });
  await expect(stat(target)).rejects.toMatchObject({ code: "ENOENT" });
});
