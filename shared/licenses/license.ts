/** The licences of what others have written and this program has inside. */

/** One package. */
export interface PackageLicense {
  readonly name: string;
  readonly version: string;
  /** SPDX expression, as the package says; `UNKNOWN` when it does not. */
  readonly license: string;
  /** Its licence files, whole. */
  readonly texts: readonly string[];
}

/** Name of the binaries' asset with a list of `PackageLicense`. */
export const licensesAsset = "licenses.json";

const ruler = "-".repeat(78);

/** For people: what there is, then the texts; packages with the same text stand together before it. */
export function licenseText(program: string, version: string, packages: readonly PackageLicense[]): string {
  const list = packages.map((one) => `  ${one.name} ${one.version}  ${one.license}\n`);
  const byText = new Map<string, string[]>();
  for (const { name, version: own, texts } of packages)
    for (const text of texts) byText.set(text, [...(byText.get(text) ?? []), `${name} ${own}`]);
  const whole = [...byText].map(
    ([text, names]) => `\n${ruler}\n${names.join("\n")}\n${ruler}\n\n${text.trim()}\n`,
  );
  return `${program} ${version}: Apache-2.0\n\nIt has inside:\n\n${list.join("")}${whole.join("")}`;
}
