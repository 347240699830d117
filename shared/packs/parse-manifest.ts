/** pack.yaml: who a pack is (st2 docs, Create and Contribute a Pack). */
import { isObject, type Json } from "../json.ts";
import type { PackManifest } from "../model/pack.ts";
import { globalOverrides } from "../model/pack-overrides.ts";
import { isPackName } from "../ref.ts";
import { parseDependency } from "./dependency.ts";
import { checkFields, compileFields, shown, withoutEmpty } from "./fields.ts";
import type { Metadata } from "./pack-file.ts";

const text = { type: "string" };
const texts = { type: "array", items: text };

/** What a pack is told apart by, and shown with. */
const known = {
  name: { ...text, minLength: 1, fix: "write the pack's name" },
  ref: text,
  description: text,
  version: { type: ["string", "number"] },
  author: text,
};

const check = compileFields({
  type: "object",
  required: ["name", "description", "version", "author"],
  properties: known,
});

/** Nothing that runs rests on these: what is wrong with them is told, no more. */
const checkOthers = compileFields({
  additionalProperties: false,
  properties: {
    ...Object.fromEntries(Object.keys(known).map((name) => [name, {}])),
    email: text,
    keywords: texts,
    contributors: { type: "array", items: { ...text, maxLength: 100 } },
    files: texts,
    dependencies: texts,
    stackstorm_version: text,
    python_versions: {
      type: "array",
      items: { type: "string", enum: ["2", "3"] },
      minItems: 1,
      maxItems: 2,
    },
    system: { type: "object" },
    path: text,
    icon: text,
  },
});

const NUMBER = "(?:0|[1-9][0-9]*)";
/** semver.org, 2.0.0, item 2, 9 and 10. */
const SEMVER = new RegExp(`^${NUMBER}\\.${NUMBER}\\.${NUMBER}(?:-[0-9A-Za-z.-]+)?(?:\\+[0-9A-Za-z.-]+)?$`);
const SHORT = new RegExp(`^(${NUMBER})(?:\\.(${NUMBER}))?$`);

/**
 * The pack's ref: `ref`, else `name`, as StackStorm's installer has it; where neither is usable, the folder's name.
 * `null` after reporting PACK_REF.
 */
export function packRef(metadata: Metadata, folderName: string | null): string | null {
  const manifest: Record<string, unknown> = isObject(metadata.value) ? metadata.value : {};
  const { ref = null, name = null } = manifest;
  if (ref !== null) {
    if (typeof ref === "string" && isUsable(ref)) return ref;
    reportRef(metadata, "ref", ref);
    return null;
  }
  if (typeof name === "string" && isUsable(name)) return name;
  if (folderName !== null && isUsable(folderName)) return folderName;
  reportRef(metadata, "name", name);
  return null;
}

/** `_global` stands for all packs where parts of packs are switched on and off. */
const isUsable = (ref: string) => isPackName(ref) && ref !== globalOverrides;

function reportRef(metadata: Metadata, field: string, value: unknown): void {
  if (value === globalOverrides) {
    metadata.report({
      code: "PACK_REF",
      severity: "error",
      message: `${field} ${shown(value)} is reserved: it stands for all packs`,
      where: metadata.at([field]),
      hint: "give the pack another name",
    });
    return;
  }
  const usable = String(value ?? "")
    .toLowerCase()
    .replaceAll(/[^a-z0-9_]+/g, "_");
  metadata.report({
    code: "PACK_REF",
    severity: "error",
    message: `${field} ${shown(value)} is no pack name: only a-z, 0-9 and '_' are allowed`,
    where: metadata.at([field]),
    hint: /[a-z0-9]/.test(usable) ? `write 'ref: ${usable}'` : "add 'ref: my_pack'",
  });
}

/** StackStorm's `0.1` is taken as 0.1.0, which is what its own installer makes of it. */
function readVersion(metadata: Metadata, value: Json): string | null {
  const version = String(value);
  if (SEMVER.test(version)) return version;
  const short = SHORT.exec(version);
  if (short !== null) {
    const whole = `${short[1]}.${short[2] ?? "0"}.0`;
    metadata.report({
      code: "PACK_FIELD",
      severity: "warning",
      message: `version ${version} is read as ${whole}`,
      where: metadata.at(["version"]),
      hint: `write 'version: ${whole}'`,
    });
    return whole;
  }
  metadata.report({
    code: "PACK_FIELD",
    severity: "error",
    message: `version ${shown(value)} is no semantic version`,
    where: metadata.at(["version"]),
    hint: "write three numbers, such as 'version: 0.1.0'",
  });
  return null;
}

/** The manifest, or `null` after reporting what is wrong. Unknown fields are allowed there, so they are here. */
export function parseManifest(metadata: Metadata): PackManifest | null {
  const fieldsOk = checkFields(check, metadata, { code: "PACK_FIELD" });
  if (!isObject(metadata.value)) return null;
  checkFields(checkOthers, metadata, { code: "PACK_FIELD", unknown: "near", severity: "warning" });
  const manifest = withoutEmpty(metadata.value) as Record<string, Json>;
  const given = manifest.version;
  const isVersion = typeof given === "string" || typeof given === "number";
  const version = isVersion ? readVersion(metadata, given) : null;
  if (!fieldsOk || version === null) return null;
  return {
    ref: metadata.pack,
    name: manifest.name as string,
    description: manifest.description as string,
    version,
    author: manifest.author as string,
    email: typeof manifest.email === "string" ? manifest.email : null,
    keywords: textsIn(manifest.keywords),
    python_versions: pythonVersions(metadata, manifest.python_versions),
    ...readDependencies(metadata, manifest.dependencies),
  };
}

const textsIn = (value: Json | undefined): readonly string[] =>
  Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];

/** Python 2 has ended; much that says it needs it runs with 3 all the same. */
function pythonVersions(metadata: Metadata, given: Json | undefined): readonly string[] {
  const versions = (Array.isArray(given) ? given : []).map(String);
  if (versions.length > 0 && !versions.includes("3")) {
    metadata.report({
      code: "PACK_UNSUPPORTED",
      severity: "warning",
      message: "the pack says that it is for Python 2 only; its Python code is run with the host's python3",
      where: metadata.at(["python_versions"]),
      hint: 'try it, and add "3" when it runs',
    });
  }
  return versions;
}

function readDependencies(metadata: Metadata, given: Json | undefined): Pick<PackManifest, "dependencies"> {
  const dependencies = textsIn(given).filter((text, index) => {
    if (parseDependency(text) !== null) return true;
    metadata.report({
      code: "PACK_DEPENDENCY",
      severity: "warning",
      message: `${shown(text)} names no pack: it is ignored`,
      where: metadata.at(["dependencies", index]),
      hint: "write a pack's name or the URL of its git repository, and '=1.2.3' behind it for that version",
    });
    return false;
  });
  return dependencies.length > 0 ? { dependencies } : {};
}
