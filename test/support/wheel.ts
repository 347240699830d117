/** Makes a Python package that pip can install from a folder, without a network. */
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const program = `
import sys, zipfile
folder, name, version, code = sys.argv[1:]
info = "%s-%s.dist-info" % (name, version)
with zipfile.ZipFile("%s/%s-%s-py3-none-any.whl" % (folder, name, version), "w") as wheel:
    wheel.writestr(name + ".py", code)
    wheel.writestr(info + "/METADATA", "Metadata-Version: 2.1\\nName: %s\\nVersion: %s\\n" % (name, version))
    wheel.writestr(info + "/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr(info + "/RECORD", "")
`;

/** `NAME-VERSION-py3-none-any.whl` in `folder`, with one module of that name. */
export async function makeWheel(folder: string, name: string, code: string, version = "1.0"): Promise<void> {
  await promisify(execFile)("python3", ["-c", program, folder, name, version, code]);
}

/** The folder as an index by PEP 503, which a `file:` URL or a web server can give out. */
export async function makeIndex(folder: string, name: string, code: string): Promise<void> {
  // pip asks for the name in its one spelling.
  const place = join(folder, name.replaceAll("_", "-"));
  await mkdir(place, { recursive: true });
  await makeWheel(place, name, code);
  const file = `${name}-1.0-py3-none-any.whl`;
  await writeFile(join(place, "index.html"), `<!DOCTYPE html><a href="${file}">${file}</a>`);
}
