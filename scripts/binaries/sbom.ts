/** What is in a binary, as CycloneDX 1.6 says it (https://cyclonedx.org/docs/1.6/json). Pure: the same for the same. */
import { type Lock, lockedPackage, packageName } from "./lock.ts";

export interface SbomOptions {
  readonly name: string;
  readonly version: string;
  /** Hexadecimal SHA-256 of the binary. */
  readonly sha256: string;
  /** `node_modules/…` of every package of which something is inside. */
  readonly folders: readonly string[];
  readonly lock: Lock;
  /** Folder of the package that Node comes in, and what Node says it is made of: names and versions. */
  readonly node: { readonly folder: string; readonly parts: Readonly<Record<string, string>> };
}

interface Component {
  readonly type: "application" | "library" | "platform";
  readonly "bom-ref": string;
  readonly name: string;
  readonly version: string;
  readonly [more: string]: unknown;
}

export function sbom({ name, version, sha256, folders, lock, node }: SbomOptions): object {
  const ref = `${name}@${version}`;
  const packages = [...new Set([...folders, node.folder])].sort();
  const components = packages.map((folder) => component(folder, lock, node));
  const isIn = new Set(packages);
  return {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      component: {
        type: "application",
        "bom-ref": ref,
        name,
        version,
        hashes: [{ alg: "SHA-256", content: sha256 }],
        licenses: [{ license: { id: "Apache-2.0" } }],
      },
    },
    components,
    dependencies: [
      { ref, dependsOn: needsOf("", lock, isIn).concat(refOf(node.folder, lock)) },
      ...packages.map((folder) => ({ ref: refOf(folder, lock), dependsOn: needsOf(folder, lock, isIn) })),
    ],
  };
}

function component(folder: string, lock: Lock, node: SbomOptions["node"]): Component {
  const { version, integrity, license = "UNKNOWN" } = lockedPackage(lock, folder);
  const isNode = folder === node.folder;
  const name = packageName(folder);
  const hash = integrity?.startsWith("sha512-")
    ? Buffer.from(integrity.slice(7), "base64").toString("hex")
    : null;
  return {
    type: isNode ? "platform" : "library",
    "bom-ref": refOf(folder, lock),
    name: isNode ? "node" : name,
    version,
    purl: purl(name, version),
    ...(hash !== null && { hashes: [{ alg: "SHA-512", content: hash }] }),
    licenses: [
      /^[\w.-]+$/.test(license)
        ? { license: license === "UNKNOWN" ? { name: license } : { id: license } }
        : { expression: license },
    ],
    ...(isNode && {
      components: Object.entries(node.parts).map(([part, of]) => ({
        type: "library",
        "bom-ref": `node/${part}@${of}`,
        name: part,
        version: of,
      })),
    }),
  };
}

/** Two packages of one name and version may lie in two folders. */
function refOf(folder: string, lock: Lock): string {
  return `${folder.replace(/^node_modules\//, "")}@${lockedPackage(lock, folder).version}`;
}

function purl(name: string, version: string): string {
  return `pkg:npm/${name.replace("@", "%40")}@${version}`;
}

/** Of what a package asks for, that which is inside; found as Node finds it, from the innermost folder outwards. */
function needsOf(folder: string, lock: Lock, isIn: ReadonlySet<string>): string[] {
  const { dependencies = {}, optionalDependencies = {} } = lockedPackage(lock, folder);
  return Object.keys({ ...dependencies, ...optionalDependencies })
    .map((name) => {
      for (let from = folder; ; from = outer(from)) {
        const candidate = `${from === "" ? "" : `${from}/`}node_modules/${name}`;
        if (lock.packages[candidate] !== undefined) return candidate;
        if (from === "") return null;
      }
    })
    .filter((found): found is string => found !== null && isIn.has(found))
    .map((found) => refOf(found, lock))
    .sort();
}

const outer = (folder: string) => folder.slice(0, Math.max(0, folder.lastIndexOf("/node_modules/")));
