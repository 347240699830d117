/** Certificates for tests, made with openssl: an authority, and what it signs. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { tempFolder } from "./temp-folder.ts";

const run = promisify(execFile);
const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

export interface MadeCertificate {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: string;
  readonly key: string;
}

async function made(folder: string, name: string): Promise<MadeCertificate> {
  const [certFile, keyFile] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)];
  return { certFile, keyFile, cert: await readFile(certFile, "utf8"), key: await readFile(keyFile, "utf8") };
}

/** An authority of its own, and a way to have certificates signed by it. */
export async function createAuthority() {
  const folder = await tempFolder("ca");
  const at = (name: string) => join(folder, name);
  const subject = ["-subj", "/CN=test authority"];
  await run("openssl", [
    "req",
    "-x509",
    ...curve,
    "-keyout",
    at("ca.key"),
    "-out",
    at("ca.crt"),
    "-days",
    "30",
    ...subject,
  ]);
  let count = 0;
  return {
    ca: await made(folder, "ca"),
    /** `names` as openssl has them: `IP:127.0.0.1`, `DNS:hub.example`. */
    async sign(names: string, days = 30): Promise<MadeCertificate> {
      const name = `leaf-${++count}`;
      await run("openssl", [
        ...["req", "-x509", ...curve, "-CA", at("ca.crt"), "-CAkey", at("ca.key")],
        ...["-keyout", at(`${name}.key`), "-out", at(`${name}.crt`), "-days", String(days)],
        ...["-subj", `/CN=${name}`, "-addext", `subjectAltName=${names}`],
        ...["-addext", "basicConstraints=critical,CA:FALSE"],
      ]);
      return made(folder, name);
    },
  };
}
