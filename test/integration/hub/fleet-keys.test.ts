/** The fleet's keys on disk: whatever moment a hub died in, the next start has a whole set of them. */
import { copyFile, cp, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import { expect, test } from "vitest";
import { copyKeys as copyFleetKeys } from "../../../hub/identity/copy-keys-fs.ts";
import { openHubIdentity } from "../../../hub/identity/hub-identity-fs.ts";
import { openKeyFiles, rotateCaKey, rotateHubKey } from "../../../hub/identity/keys-fs.ts";
import { certificatesIn, isFleetServer } from "../../../shared/identity/certificates.ts";
import { publicText } from "../../../shared/identity/ed25519.ts";
import type { Json } from "../../../shared/json.ts";
import { silentLogger } from "../../../shared/log.ts";
import { systemRandom } from "../../../shared/system-process.ts";
import { noon } from "../../support/records.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const optionsIn = (data: string) => ({ data, random: systemRandom, now: () => noon, hosts: ["127.0.0.1"] });
/** In the order in which a first start writes them. */
const written = [
  "root.key",
  "root.crt",
  "ca.key",
  "ca.crt",
  "hub.key",
  "statement.json",
  "tls.key",
  "tls.crt",
];

async function copyKeys(from: string, names: readonly string[]): Promise<string> {
  const data = await tempFolder("keys");
  await mkdir(join(data, "keys"));
  for (const name of names) await copyFile(join(from, "keys", name), join(data, "keys", name));
  return data;
}

test("a first start that was cut off after any file is finished by the next", async () => {
  const whole = await tempFolder("keys");
  const made = await openKeyFiles(optionsIn(whole), null);
  expect((await readdir(join(whole, "keys"))).sort()).toEqual([...written].sort());
  for (let n = 0; n <= written.length; n++) {
    const data = await copyKeys(whole, written.slice(0, n));
    const files = await openKeyFiles(optionsIn(data), null);
    expect(isFleetServer(certificatesIn(files.tlsCertificate) ?? [], files.root)).toBe(true);
    expect(files.statement.keys).toEqual([publicText(files.hubKey)]);
    if (n > 0) expect(publicText(files.root)).toBe(publicText(made.root));
  }
});

test.each(written.filter((name) => !["root.key", "tls.key", "tls.crt"].includes(name)))(
  "%s is not made anew where the database knows the fleet, and its root key was exported",
  async (name) => {
    const data = await tempFolder("keys");
    const { root } = await openKeyFiles(optionsIn(data), null);
    for (const gone of ["root.key", name]) await rm(join(data, "keys", gone));
    await expect(openKeyFiles(optionsIn(data), publicText(root))).rejects.toMatchObject({
      code: expect.stringMatching(/^(IDENTITY_FILES|ROOT_KEY_MISSING)$/),
    });
  },
);

test("keys that are older than those the hub has had are refused, and a rotation overtakes what agents may have seen", async () => {
  const data = await tempFolder("keys");
  const settings = new Map<string, unknown>();
  const store = {
    setting: async (name: string) => (settings.get(name) ?? null) as Json,
    putSetting: async (name: string, value: Json) => void settings.set(name, value),
  };
  const options = { ...optionsIn(data), store, certificateMs: 1_000, log: silentLogger };
  const identity = await openHubIdentity(options);
  const old = await readFile(join(data, "keys/statement.json"));
  const { serial } = await identity.rotateKeys(null, false);
  expect(serial).toBe(noon / 1_000);
  await rename(join(data, "keys/hub.key"), join(data, "keys/hub.key.new-one"));
  await writeFile(join(data, "keys/statement.json"), old);
  await expect(openHubIdentity(options)).rejects.toMatchObject({ code: "IDENTITY_FILES" });
  await rm(join(data, "keys/statement.json"));
  await expect(openHubIdentity(options)).rejects.toMatchObject({ code: "IDENTITY_FILES" });
});

test("a restore keeps the newer of two sets of keys of one fleet", async () => {
  const [backup, data] = [await tempFolder("keys"), await tempFolder("keys")];
  const first = await openKeyFiles(optionsIn(backup), null);
  await cp(join(backup, "keys"), join(data, "keys"), { recursive: true });
  await rotateHubKey(optionsIn(data), first, { pem: null, dropOld: false });
  const newer = await openKeyFiles(optionsIn(data), null);
  expect(await copyFleetKeys(backup, data, "keys.before")).toBe(true);
  expect((await openKeyFiles(optionsIn(data), null)).statement).toEqual(newer.statement);
  // The other way round the backup's are the newer ones.
  expect(await copyFleetKeys(data, backup, "keys.before")).toBe(true);
  expect((await openKeyFiles(optionsIn(backup), null)).statement).toEqual(newer.statement);
});

test("keys of another fleet than the database's are refused", async () => {
  const [one, other] = [await tempFolder("keys"), await tempFolder("keys")];
  const { root } = await openKeyFiles(optionsIn(one), null);
  await openKeyFiles(optionsIn(other), null);
  await expect(openKeyFiles(optionsIn(other), publicText(root))).rejects.toMatchObject({
    code: "IDENTITY_FILES",
  });
});

test("a rotation that was cut off is as if it had not begun, or is finished", async () => {
  const data = await tempFolder("keys");
  const first = await openKeyFiles(optionsIn(data), null);
  // The key is there, and nothing names it yet.
  await copyFile(join(data, "keys/tls.key"), join(data, "keys/hub.key.next"));
  await copyFile(join(data, "keys/tls.key"), join(data, "keys/ca.key.next"));
  const still = await openKeyFiles(optionsIn(data), null);
  expect(publicText(still.hubKey)).toBe(publicText(first.hubKey));
  expect(still.caCertificates).toEqual(first.caCertificates);
  // Both stop where the new key is named and still lies beside the old one.
  await rotateHubKey(optionsIn(data), first, { pem: null, dropOld: false });
  await rotateCaKey(optionsIn(data), first, null);
  const then = await openKeyFiles(optionsIn(data), null);
  expect(then.statement).toMatchObject({
    serial: noon / 1_000,
    keys: [publicText(then.hubKey), publicText(first.hubKey)],
  });
  expect(then.caCertificates).toHaveLength(2);
  expect(publicText(then.caKey)).not.toBe(publicText(first.caKey));
  expect(isFleetServer(certificatesIn(then.tlsCertificate) ?? [], first.root)).toBe(true);
  await rotateHubKey(optionsIn(data), then, { pem: null, dropOld: true });
  const last = await openKeyFiles(optionsIn(data), null);
  expect(last.statement).toMatchObject({ serial: noon / 1_000 + 1, keys: [publicText(then.hubKey)] });
});

test("the listener's certificate follows the hub's names and addresses, and its key stays", async () => {
  const data = await tempFolder("keys");
  const at = async (...hosts: string[]) => {
    const { tlsCertificate, tlsKey, root } = await openKeyFiles({ ...optionsIn(data), hosts }, null);
    const chain = certificatesIn(tlsCertificate) ?? [];
    expect(isFleetServer(chain, root)).toBe(true);
    const [leaf] = chain;
    if (leaf === undefined) throw new Error("no certificate");
    const names = (host: string) => (isIP(host) === 0 ? leaf.checkHost(host) : leaf.checkIP(host));
    return { key: tlsKey, serial: leaf.serialNumber, names };
  };
  const first = await at("hub", "10.0.0.5");
  expect(first.names("10.0.0.5")).toBe("10.0.0.5");
  // Nothing new: also an address that has gone for a while is no reason for another one.
  expect(await at("hub")).toMatchObject({ serial: first.serial });
  const moved = await at("hub", "10.0.0.77", "fd00::7", "hub.example.org");
  expect(moved.serial).not.toBe(first.serial);
  expect(moved.key).toBe(first.key);
  for (const host of ["hub", "10.0.0.77", "fd00::7", "hub.example.org"])
    expect(moved.names(host)).toBeDefined();
  expect(moved.names("10.0.0.5")).toBeUndefined();
  // A name that is not listed any more goes; however its letters are written it is the same.
  const without = await at("HUB", "10.0.0.77", "fd00::7");
  expect(without.serial).not.toBe(moved.serial);
  expect([without.key, without.names("hub.example.org")]).toEqual([first.key, undefined]);
  expect(await at("hub", "10.0.0.77")).toMatchObject({ serial: without.serial });
  // However it is written it is the same address, and no reason for another certificate at each start.
  const odd = ["::ffff:192.0.2.9", "::ffff:10.0.0.77", "64:ff9b::192.0.2.1"];
  const mapped = await at(...odd);
  expect(mapped.serial).not.toBe(moved.serial);
  expect([mapped.names("192.0.2.9"), mapped.names("64:ff9b::c000:201")]).toEqual([
    "192.0.2.9",
    "64:ff9b::c000:201",
  ]);
  expect((await at("192.0.2.9", ...odd)).serial).toBe(mapped.serial);
});

test("a rotation needs the right root key", async () => {
  const data = await tempFolder("keys");
  const files = await openKeyFiles(optionsIn(data), null);
  await rm(join(data, "keys/root.key"));
  const rotate = (pem: string | null) => rotateHubKey(optionsIn(data), files, { pem, dropOld: false });
  await expect(rotate(null)).rejects.toMatchObject({ code: "ROOT_KEY_MISSING" });
  await expect(rotate(files.tlsKey)).rejects.toMatchObject({ code: "ROOT_KEY_WRONG" });
  expect((await openKeyFiles(optionsIn(data), null)).statement.serial).toBe(1);
});
