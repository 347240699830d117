/** What people write as YAML: packs, rules, overrides, configuration. */
import { Buffer } from "node:buffer";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { agentSettings } from "../../../shared/config/agent-config.ts";
import { resolveConfig } from "../../../shared/config/config.ts";
import { hubSettings } from "../../../shared/config/hub-config.ts";
import { parseOverrides } from "../../../shared/packs/parse-overrides.ts";
import { parsePack } from "../../../shared/packs/parse-pack.ts";
import { parseRuleDocuments } from "../../../shared/packs/parse-rule.ts";
import { readYaml } from "../../../shared/yaml/read-yaml.ts";
import { type Decoder, type Verdict, verdictOf } from "../campaign.ts";

const root = join(import.meta.dirname, "../../..");

/** Small files below a folder of the project, by name. */
function filesBelow(folder: string, name: RegExp, most = 40): Buffer[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && name.test(entry.name))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name)))
    .filter((content) => content.length > 0 && content.length < 6_000)
    .slice(0, most);
}

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

export async function openYaml(): Promise<Decoder> {
  return {
    name: "yaml",
    seeds: [...filesBelow("packs", /\.ya?ml$/), ...filesBelow("test/fixtures/packs", /\.ya?ml$/)],
    words: yamlWords,
    maxBytes: 32 * 1024,
    take(input) {
      const text = utf8(input);
      const { problems } = readYaml(text, "a.yaml");
      parseRuleDocuments(text, "p/rules/a.yaml");
      parseOverrides(text, "p", "p.yaml");
      parseOverrides(text, "_global", "_global.yaml");
      return problems.length === 0 ? "taken" : "refused";
    },
  };
}

export async function openPack(): Promise<Decoder> {
  return {
    name: "pack",
    seeds: [...filesBelow("packs", /\.(ya?ml|py)$/), ...filesBelow("test/fixtures/packs", /\.(ya?ml|py)$/)],
    words: yamlWords,
    maxBytes: 32 * 1024,
    take(input) {
      let verdict: Verdict = "taken";
      for (const path of places) {
        const files = [{ path: "pack.yaml", mode: 0o644, content: manifest }].filter(
          (file) => file.path !== path,
        );
        const { problems } = parsePack([...files, { path, mode: 0o644, content: input }], { folder: "p" });
        if (problems.length > 0) verdict = "refused";
      }
      // The same file is never right in all places.
      return verdict === "taken" || readYaml(utf8(input), "a").problems.length === 0 ? "taken" : "refused";
    },
  };
}

export async function openConfig(): Promise<Decoder> {
  const limits = { length: 256 * 1024, depth: 16, tokens: 100_000, aliasWeight: 10_000 };
  return {
    name: "config",
    seeds: filesBelow("docs", /\.example\.yaml$/).map((file) => Buffer.from(file)),
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
