/** What people write as YAML: packs, rules, overrides, configuration. */
import { Buffer } from "node:buffer";
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { crc32 } from "node:zlib";
import { parsePolicy } from "../../../agent/policy/parse-policy.ts";
import { agentSettings } from "../../../shared/config/agent-config.ts";
import { resolveConfig } from "../../../shared/config/config.ts";
import { hubSettings } from "../../../shared/config/hub-config.ts";
import { parseOverrides } from "../../../shared/packs/parse-overrides.ts";
import { parsePack } from "../../../shared/packs/parse-pack.ts";
import { parseRuleDocuments } from "../../../shared/packs/parse-rule.ts";
import { fileLimits, readYaml } from "../../../shared/yaml/read-yaml.ts";
import { type Decoder, verdictOf } from "../campaign.ts";

const root = join(import.meta.dirname, "../../..");

interface Found {
  /** Inside its pack, where it is in one. */
  readonly path: string;
  readonly content: Buffer;
}

/** Small files below a folder of the project, by name. */
function filesBelow(folder: string, name: RegExp, most = 60): Found[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && name.test(entry.name))
    .map((entry) => ({
      path: entry.parentPath.endsWith("s") ? `${basename(entry.parentPath)}/${entry.name}` : entry.name,
      content: readFileSync(join(entry.parentPath, entry.name)),
    }))
    .filter(({ content }) => content.length > 0 && content.length < 6_000)
    .slice(0, most);
}

/** Which of several readers gets this input: the same for the same bytes. */
const turnOf = (input: Uint8Array, readers: number) => crc32(input) % readers;

const yamlWords = [
  "---\n",
  "? ",
  "- ",
  "&a ",
  "*a",
  "<<: ",
  "!!binary ",
  "!!python/object:os.system ",
  "|\n",
  ">-\n",
  "{{ x }}",
  ": ",
  "\t",
  "~",
];
const utf8 = (input: Uint8Array) => Buffer.from(input).toString("utf8");
const manifest = Buffer.from(
  "ref: p\nname: p\ndescription: d\nversion: 1.0.0\nauthor: a\nemail: a@b.example\n",
);
const places = [
  "pack.yaml",
  "rules/a.yaml",
  "actions/a.yaml",
  "sensors/a.yaml",
  "triggers/a.yaml",
  "policies/a.yaml",
  "aliases/a.yaml",
  "config.schema.yaml",
  "config.yaml",
  "actions/a.py",
  "overrides/p.yaml",
];

/** What stands in the project and is a pack's. */
const packFiles = (name: RegExp) => [
  ...filesBelow("packs", name),
  ...filesBelow("test/fixtures/packs", name),
];

export async function openYaml(): Promise<Decoder> {
  const seeds = packFiles(/\.ya?ml$/).map(({ content }) => content);
  const readers: readonly ((text: string) => number)[] = [
    (text) => readYaml(text, "a.yaml", fileLimits).problems.length,
    (text) => {
      const { documents, problems } = parseRuleDocuments(text, "p/rules/a.yaml", "p", fileLimits);
      return problems.length + documents.flatMap(({ problems }) => problems).length;
    },
    (text) => parseOverrides(text, "p", "p.yaml").problems.length,
    (text) => parseOverrides(text, "_global", "_global.yaml").problems.length,
  ];
  return {
    name: "yaml",
    seeds,
    words: yamlWords,
    maxBytes: 64 * 1024,
    take(input) {
      // One reader for each: all of them read YAML first, which takes most of the time.
      const read = readers[turnOf(input, readers.length)] ?? readers[0];
      return read?.(utf8(input)) === 0 ? "taken" : "refused";
    },
  };
}

export async function openPack(): Promise<Decoder> {
  const placed = (path: string, content: Uint8Array) => Buffer.concat([Buffer.from(`${path}\n`), content]);
  return {
    name: "pack",
    // The first line says where in the pack the file is.
    seeds: packFiles(/\.(ya?ml|py)$/).map(({ path, content }) => placed(path, content)),
    words: [...yamlWords, ...places.map((path) => `${path}\n`)],
    maxBytes: 64 * 1024,
    take(input) {
      const end = input.indexOf(0x0a);
      const said = utf8(input.subarray(0, Math.max(0, end)));
      const isPlace =
        /^(?:(?:rules|actions|sensors|triggers|policies|aliases|overrides)\/)?[\w.-]+\.(?:ya?ml|py)$/;
      const path = isPlace.test(said) ? said : (places[turnOf(input, places.length)] ?? "pack.yaml");
      const own = { path, mode: 0o644, content: input.subarray(end + 1) };
      const files = [{ path: "pack.yaml", mode: 0o644, content: manifest }].filter(
        (file) => file.path !== path,
      );
      return parsePack([...files, own], { folder: "p" }).problems.length === 0 ? "taken" : "refused";
    },
  };
}

const runners = ["local-shell-cmd", "local-shell-script", "python-script", "node-script", "http-request"];

/** What the owner of a host allows, in a file of its own. */
export async function openPolicy(): Promise<Decoder> {
  const more = [
    "allow:\n  actions: [core.*, mypack.restart]\n  runners: [local-*]\n  sudo: false\n",
    "allow: {}\ndeny:\n  packs: [x]\n  actions:\n    - y.z\n  users: [root]\n",
  ];
  return {
    name: "policy",
    seeds: [
      ...filesBelow("docs", /^policy\.example\.yaml$/).map(({ content }) => content),
      ...more.map((text) => Buffer.from(text)),
    ],
    words: [...yamlWords, "allow:\n", "deny:\n", "sudo: ", "'*'", "[]", "runners: "],
    maxBytes: 16 * 1024,
    take: (input) => verdictOf(() => parsePolicy(utf8(input), "policy.yaml", runners)),
  };
}

export async function openConfig(): Promise<Decoder> {
  const limits = { length: 256 * 1024, depth: 16, tokens: 100_000, aliasWeight: 10_000 };
  return {
    name: "config",
    seeds: filesBelow("docs", /\.example\.yaml$/).map(({ content }) => content),
    words: yamlWords,
    take(input) {
      const text = utf8(input);
      const { documents, problems } = readYaml(text, "hub.yaml", limits);
      const [document] = documents;
      const file = { value: document?.value ?? null, at: document?.at ?? (() => "hub.yaml"), problems };
      const env = { PETREL_HTTP: text, PETREL_AGENT_LABELS: text, PETREL_RETENTION_DAYS: text };
      const verdicts = [hubSettings, agentSettings].flatMap((settings) => [
        verdictOf(() => resolveConfig(settings, { file, env: {}, flags: {} })),
        verdictOf(() => resolveConfig(settings, { env, flags: {} })),
      ]);
      return problems.length === 0 || verdicts.includes("taken") ? "taken" : "refused";
    },
  };
}
