/** Reads a host's policy file: strictly, since a word that is overlooked would allow what was to be refused. Pure. */
import type { ErrorObject } from "ajv";
import { PetrelError } from "../../shared/errors.ts";
import { isObject } from "../../shared/json.ts";
import { suggestion } from "../../shared/nearest.ts";
import { compileWildcard } from "../../shared/rules/wildcard.ts";
import { checksWith } from "../../shared/validation.ts";
import { readYaml, type YamlDocument } from "../../shared/yaml/read-yaml.ts";
import { isPattern, type NameLists, type PolicyRules, type Subject } from "./host-policy.ts";

const limits = { length: 256 * 1024, depth: 8, tokens: 100_000, aliasWeight: 1_000, documents: 1 };

/** What may stand in each list, and how that is said. */
const entries: Readonly<Record<Subject, { readonly pattern: string; readonly says: string }>> = {
  packs: { pattern: "^[a-z0-9_*?!\\[\\]-]+$", says: "a pack (backup) or a pattern (backup_*)" },
  sensors: {
    pattern: "^(\\*|[a-z0-9_*?!\\[\\]-]+\\.\\S+)$",
    says: "a sensor (backup.Disk) or a pattern (backup.*)",
  },
  actions: {
    pattern: "^(\\*|[a-z0-9_*?!\\[\\]-]+\\.\\S+)$",
    says: "an action (core.local) or a pattern (backup.*)",
  },
  runners: {
    pattern: "^[a-z0-9*?!\\[\\]-]+$",
    says: "a runner (local-shell-cmd) or a pattern (local-shell-*)",
  },
  users: {
    pattern: "^[a-z_*?\\[][a-z0-9_.*?!\\[\\]-]{0,63}$",
    says: "a user of this host or a pattern (app_*)",
  },
};

const lists = Object.fromEntries(
  Object.entries(entries).map(([subject, { pattern }]) => [
    subject,
    { type: "array", maxItems: 4_096, items: { type: "string", maxLength: 256, pattern } },
  ]),
);
const schema = {
  type: "object",
  additionalProperties: false,
  minProperties: 1,
  properties: {
    allow: {
      type: "object",
      additionalProperties: false,
      properties: { ...lists, sudo: { type: "boolean" }, upgrades: { type: "boolean" } },
    },
    deny: { type: "object", additionalProperties: false, properties: lists },
  },
};
const check = checksWith({ allErrors: true, strict: false, verbose: true })(schema);

interface Fault {
  readonly where: string;
  readonly message: string;
}

/**
 * The rules in `text`; `file` is what errors call it, and `runners` are those that this agent has. Throws
 * CONFIG_INVALID with every fault, each with its line. A value that is left empty is a fault, as is a file that says nothing: neither
 * shows whether it was meant to allow everything or nothing.
 */
export function parsePolicy(text: string, file: string, runners: readonly string[]): PolicyRules {
  const { documents, problems } = readYaml(text, file, limits);
  const [document, second] = documents;
  const faults: Fault[] = problems.map(({ where, message, hint }) => ({
    where,
    message: `${message}; ${hint}`,
  }));
  if (second !== undefined) faults.push({ where: file, message: "a policy is one YAML document" });
  if (faults.length === 0 && (document === undefined || document.value === null))
    faults.push({ where: file, message: "the file says nothing; write `allow: {}` to allow everything" });
  else if (faults.length === 0 && document !== undefined) {
    if (!check(document.value)) faults.push(...shapeFaults(check.errors ?? [], document));
    else faults.push(...runnerFaults(document, runners));
  }
  if (faults.length > 0) throw invalid(faults);
  const { allow = {}, deny = {} } = (document?.value ?? {}) as {
    allow?: PolicyRules["allow"];
    deny?: NameLists;
  };
  return { allow, deny };
}

function shapeFaults(errors: readonly ErrorObject[], document: YamlDocument): Fault[] {
  return errors.map((error) => {
    const path = stepsOf(error.instancePath);
    const unknown = (error.params as { additionalProperty?: string }).additionalProperty;
    const whole = unknown === undefined ? path : [...path, unknown];
    return { where: document.at(whole), message: faultText(error, whole) };
  });
}

function faultText(error: ErrorObject, path: readonly (string | number)[]): string {
  const name = path.join(".");
  const known = Object.keys((error.parentSchema as { properties?: object } | undefined)?.properties ?? {});
  if (error.keyword === "additionalProperties")
    return name === "deny.sudo" || name === "deny.upgrades"
      ? `unknown name '${name}'; write \`${path.at(-1)}: false\` under \`allow\``
      : `unknown name '${name}'; ${suggestion(String(path.at(-1)), known)}`;
  if (error.keyword === "minProperties")
    return "the file says nothing; write `allow: {}` to allow everything";
  if (error.data === null) return `${name} has no value; write [] for none, or take the line out`;
  const [, subject] = path;
  const says =
    typeof subject === "string" && path.length === 3 ? entries[subject as Subject]?.says : undefined;
  if (error.keyword === "pattern" && says !== undefined)
    return `${name} is ${JSON.stringify(error.data)}; write ${says}`;
  return `${name === "" ? "the policy" : name} ${error.message ?? error.keyword}`;
}

/** Under `deny`, a runner that is misspelt would go on being allowed. */
function runnerFaults(document: YamlDocument, runners: readonly string[]): Fault[] {
  const faults: Fault[] = [];
  for (const side of ["allow", "deny"] as const) {
    const rules = isObject(document.value)
      ? (document.value[side] as { runners?: readonly string[] })
      : undefined;
    for (const [at, name] of (rules?.runners ?? []).entries()) {
      const isKnown = isPattern(name) ? runners.some(compileWildcard(name)) : runners.includes(name);
      if (isKnown) continue;
      const where = document.at([side, "runners", at]);
      faults.push({ where, message: `this agent has no runner '${name}'; ${suggestion(name, runners)}` });
    }
  }
  return faults;
}

/** Of a JSON pointer (RFC 6901) into lists and mappings. */
function stepsOf(pointer: string): readonly (string | number)[] {
  const steps = pointer.split("/").slice(1);
  return steps
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"))
    .map((step) => (/^\d+$/.test(step) ? Number(step) : step));
}

function invalid(faults: readonly Fault[]): PetrelError {
  const hint = "docs/policy.example.yaml shows everything that a policy can say";
  const [first] = faults;
  if (faults.length === 1 && first !== undefined)
    return new PetrelError("CONFIG_INVALID", first.message, { where: first.where, hint });
  const lines = faults.map(({ where, message }) => `\n  ${where}: ${message}`);
  return new PetrelError("CONFIG_INVALID", `the policy has ${faults.length} faults:${lines.join("")}`, {
    hint,
  });
}
