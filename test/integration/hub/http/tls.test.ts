/** The API over TLS: what it shows, how the command line trusts it, and how a certificate is renewed. */
import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "node:tls";
import { describe, expect, onTestFinished, test } from "vitest";
import { writeApiFile } from "../../../../hub/http/api-file-fs.ts";
import { openCertificate } from "../../../../hub/http/certificate-fs.ts";
import { silentLogger } from "../../../../shared/log.ts";
import { systemTimers } from "../../../../shared/system-process.ts";
import { sharedByFile } from "../../../support/at-end.ts";
import { createAuthority, type MadeCertificate } from "../../../support/certificates.ts";
import { runPetrel } from "../../../support/run-petrel.ts";
import { startApi } from "../../../support/start-api.ts";
import { tempFolder } from "../../../support/temp-folder.ts";

const shared = sharedByFile(async () => {
  const authority = await createAuthority();
  return {
    authority,
    here: await authority.sign("IP:127.0.0.1"),
    elsewhere: await authority.sign("DNS:hub.example"),
  };
});

async function open(pair: MadeCertificate) {
  const folder = await tempFolder();
  const files = { cert: join(folder, "cert"), key: join(folder, "key") };
  const put = async (next: MadeCertificate) => {
    await copyFile(next.certFile, files.cert);
    await copyFile(next.keyFile, files.key);
  };
  await put(pair);
  const tls = await openCertificate(files, { timers: systemTimers, log: silentLogger });
  onTestFinished(() => tls.close());
  const started = await startApi({}, { tls });
  const url = await started.listen();
  return { ...started, url, tls, put, files };
}

/** What a server shows to whoever comes. */
function shownAt(url: string): Promise<string> {
  const { hostname: host, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port), rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()?.toString() ?? "");
      socket.end();
    });
    socket.on("error", reject);
  });
}

describe("the command line", () => {
  const list = ["rule", "list", "--json", "--wait", "0"];

  test("trusts what api.json shows, and whatever authority it is told", async () => {
    const { authority, here } = shared();
    const { url, key, folder } = await open(here);
    expect(url).toMatch(/^https:/);
    await writeApiFile(folder, {
      url,
      key,
      mqtt: "mqtt://127.0.0.1:1",
      pid: process.pid,
      certificate: here.cert,
    });
    expect(await runPetrel([...list, "--data", folder])).toMatchObject({ code: 0, stdout: "[]\n" });
    const env = { PETREL_API: url, PETREL_API_KEY: key };
    expect(await runPetrel([...list, "--api-ca", authority.ca.certFile], { env })).toMatchObject({ code: 0 });
    expect(await runPetrel(list, { env: { ...env, PETREL_API_CA: authority.ca.certFile } })).toMatchObject({
      code: 0,
    });
    // As an operator names it to any Node.
    const known = await runPetrel(list, { env: { ...env, NODE_EXTRA_CA_CERTS: authority.ca.certFile } });
    expect(known).toMatchObject({ code: 0 });
    const { code, stderr } = await runPetrel(list, { env });
    expect([code, stderr]).toEqual([4, expect.stringMatching(/API_CERTIFICATE.*not known here.*--api-ca/s)]);
  });

  test("does not hand a key to another name, another certificate, or what speaks no TLS", async () => {
    const { authority, here, elsewhere } = shared();
    const { url, key, folder } = await open(elsewhere);
    await writeApiFile(folder, {
      url,
      key,
      mqtt: "mqtt://127.0.0.1:1",
      pid: process.pid,
      certificate: here.cert,
    });
    // Whatever the environment says to Node.
    for (const env of [{}, { NODE_TLS_REJECT_UNAUTHORIZED: "0" }]) {
      const pinned = await runPetrel([...list, "--data", folder], { env });
      expect([pinned.code, pinned.stderr]).toEqual([4, expect.stringContaining("API_CERTIFICATE")]);
    }
    const env = { PETREL_API: url, PETREL_API_KEY: key, PETREL_API_CA: authority.ca.certFile };
    const named = await runPetrel(list, { env });
    expect([named.code, named.stderr]).toEqual([4, expect.stringContaining("for another name")]);
    const plain = await startApi();
    const asTls = (await plain.listen()).replace("http:", "https:");
    const wrong = await runPetrel(list, { env: { ...env, PETREL_API: asTls } });
    expect([wrong.code, wrong.stderr]).toEqual([3, expect.stringContaining("does not speak TLS")]);
    const none = await runPetrel(list, { env: { ...env, PETREL_API: url.replace("https:", "http:") } });
    expect([none.code, none.stderr]).toEqual([3, expect.stringContaining("HUB_UNREACHABLE")]);
  });
});

describe("a certificate", () => {
  test("that was renewed is shown to who comes next; half of one changes nothing", async () => {
    const { here, elsewhere } = shared();
    const { url, tls, put, files } = await open(here);
    expect(await shownAt(url)).toBe(here.cert);
    expect(await tls.look()).toBe(false);
    await writeFile(files.cert, elsewhere.cert);
    await expect(tls.look()).rejects.toMatchObject({ code: "CONFIG_INVALID", where: files.key });
    expect(await shownAt(url)).toBe(here.cert);
    await put(elsewhere);
    expect(await tls.look()).toBe(true);
    expect(await shownAt(url)).toBe(elsewhere.cert);
  });

  test.each([
    ["no certificate", { cert: "x" }, "CONFIG_INVALID"],
    ["no key", { key: "x" }, "CONFIG_INVALID"],
    ["a key of another one", { key: null }, "CONFIG_INVALID"],
  ])("is refused with %s", async (_what, over: { cert?: string; key?: string | null }, code) => {
    const { here, elsewhere } = shared();
    const folder = await tempFolder();
    const files = { cert: join(folder, "cert"), key: join(folder, "key") };
    await writeFile(files.cert, over.cert ?? here.cert);
    await writeFile(files.key, over.key === null ? elsewhere.key : (over.key ?? here.key));
    const opened = openCertificate(files, { timers: systemTimers, log: silentLogger });
    await expect(opened).rejects.toMatchObject({ code });
  });
});
