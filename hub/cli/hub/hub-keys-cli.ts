/** `petrel hub root | keys | ca | broker-config`: the fleet's keys. */
import { createPrivateKey } from "node:crypto";
import { mkdir, open, readFile, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Command } from "commander";
import { collect, wholeNumber, withExample } from "../../../shared/cli/program-cli.ts";
import { PetrelError } from "../../../shared/errors.ts";
import { syncFolder } from "../../../shared/folder-fs.ts";
import { certificatesIn } from "../../../shared/identity/certificates.ts";
import { fingerprint, publicText } from "../../../shared/identity/ed25519.ts";
import { textIfThere, writeWhole } from "../../../shared/whole-file-fs.ts";
import { keyOf, rootCertificatePath, rootKeyPath } from "../../identity/keys-fs.ts";
import type { CliContext, NounCommands } from "../context-cli.ts";
import { hubFolder } from "../hub-address-fs.ts";

const folderOf = ({ globals, io }: CliContext, self: Command) =>
  hubFolder(globals(self).data ?? io.env.PETREL_DATA, io.cwd);

/** The fleet's root as this folder has it. IDENTITY_FILES. */
async function rootOf(
  data: string,
): Promise<{ readonly fingerprint: string; readonly hasKey: boolean; readonly key: string }> {
  const path = rootCertificatePath(data);
  const [certificate] = certificatesIn((await textIfThere(path)) ?? "") ?? [];
  if (certificate === undefined) {
    throw new PetrelError("IDENTITY_FILES", "there is no root certificate here", {
      where: path,
      hint: "name the hub's data folder with --data; a hub makes its keys when it first starts without --dev",
    });
  }
  const key = publicText(certificate.publicKey);
  return { key, fingerprint: fingerprint(key), hasKey: (await textIfThere(rootKeyPath(data))) !== null };
}

/** Moves the key out: the copy is on disk, and read back, before the original goes. */
async function exportRoot(data: string, file: string): Promise<void> {
  const { key } = await rootOf(data);
  const path = rootKeyPath(data);
  const text = await textIfThere(path);
  if (text === null) {
    throw new PetrelError("ROOT_KEY_MISSING", "the root key is not here any more: it was exported", {
      where: path,
    });
  }
  await writeNew(file, text);
  const copy = keyOf(await readFile(file, "utf8"));
  if (copy === null || publicText(copy) !== key) {
    throw new PetrelError("IDENTITY_FILES", "the copy does not hold the root key; the original stays", {
      where: file,
    });
  }
  await rm(path);
  await syncFolder(dirname(path));
}

async function writeNew(file: string, text: string): Promise<void> {
  try {
    const handle = await open(file, "wx", 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await syncFolder(dirname(file));
  } catch (cause) {
    throw new PetrelError("FOLDER_UNUSABLE", `the file cannot be written: ${(cause as Error).message}`, {
      where: file,
      hint: "name a file that is not there yet, in a folder that is yours",
      cause,
    });
  }
}

/** The root key in a file, as PEM; `null` when none is named. FILE_UNREADABLE. */
async function rootPem({ io }: CliContext, file: string | undefined): Promise<string | null> {
  if (file === undefined) return null;
  const path = resolve(io.cwd, file);
  try {
    const text = await readFile(path, "utf8");
    createPrivateKey(text);
    return text;
  } catch (cause) {
    throw new PetrelError("FILE_UNREADABLE", "this file holds no private key", { where: path, cause });
  }
}

interface BrokerOptions {
  readonly host?: readonly string[];
  readonly port: number;
  readonly out?: string;
  readonly folder?: string;
}

export const hubKeyCommands: NounCommands = (noun, context) => {
  const root = noun.command("root").description("the fleet's root key, which every agent has pinned");
  withExample(root, "petrel hub root show");
  withExample(
    root.command("show").description("print its fingerprint, and whether the key is still here"),
    "petrel hub root show --data /var/lib/petrel",
  ).action(async (_options: object, self: Command) => {
    const { fingerprint: shown, hasKey } = await rootOf(folderOf(context, self));
    await context.say(self, `${shown}${hasKey ? "" : " (the key was exported)"}`, {
      fingerprint: shown,
      key_here: hasKey,
    });
  });
  withExample(
    root
      .command("export <file>")
      .description("move the key into a file, to be kept elsewhere: only rotations need it"),
    "petrel hub root export /media/usb/fleet-root.key",
  ).action(async (file: string, _options: object, self: Command) => {
    const path = resolve(context.io.cwd, file);
    await exportRoot(folderOf(context, self), path);
    await context.say(self, `the root key is in ${path} alone now`, { file: path });
  });

  const keys = noun.command("keys").description("the keys that the hub signs with");
  withExample(keys, "petrel hub keys rotate");
  withExample(
    keys
      .command("rotate")
      .description("sign with a new key; the old one counts until --drop-old, for agents that are being told")
      .option("--root <file>", "the root key, when it was exported")
      .option("--drop-old", "make no new one: from now on only the key in use counts"),
    "petrel hub keys rotate --root /media/usb/fleet-root.key",
  ).action(async (options: { root?: string; dropOld?: boolean }, self: Command) => {
    const body = { root: await rootPem(context, options.root), drop_old: options.dropOld === true };
    const made = await context
      .api(self)
      .ask<{ serial: number; keys: readonly string[] }>("POST", "/v1/hub/keys/rotate", { body });
    await context.say(self, `statement ${made.serial}: ${made.keys.join(" ")}`, made);
  });
  const ca = noun.command("ca").description("the authority that certifies agents");
  withExample(ca, "petrel hub ca rotate");
  withExample(
    ca
      .command("rotate")
      .description("certify with a new key; agents need not do anything")
      .option("--root <file>", "the root key, when it was exported"),
    "petrel hub ca rotate --root /media/usb/fleet-root.key",
  ).action(async (options: { root?: string }, self: Command) => {
    const body = { root: await rootPem(context, options.root) };
    const made = await context.api(self).ask<{ cas: number }>("POST", "/v1/hub/ca/rotate", { body });
    await context.say(self, `the fleet has a new CA; brokers are to take ${made.cas}`, made);
  });

  const config = noun
    .command("broker-config <broker>")
    .description("write the configuration of an external broker (mosquitto), with a certificate for it")
    .option("--host <name>", "name or address under which agents reach it (repeatable)", collect)
    .option("--port <port>", "of the link; hosts enrol on the next one", wholeNumber(1, 65_534), 8_883)
    .option("--folder <folder>", "where the files will lie (/etc/mosquitto/petrel)")
    .option("--out <folder>", "where to write them; without it they are printed");
  withExample(config, "petrel hub broker-config mosquitto --host mq.example.org --out ./mosquitto").action(
    async (broker: string, options: BrokerOptions, self: Command) => {
      if (broker !== "mosquitto" || options.host === undefined) {
        throw new PetrelError("CLI_USAGE", "which broker, and where?", {
          hint: "petrel hub broker-config mosquitto --host mq.example.org",
        });
      }
      const body = {
        hosts: options.host,
        port: options.port,
        ...(options.folder !== undefined && { folder: options.folder }),
      };
      const made = await context
        .api(self)
        .ask<{ files: Readonly<Record<string, string>> }>("POST", "/v1/hub/broker-config", { body });
      if (options.out === undefined) {
        const text = Object.entries(made.files).map(([name, content]) => `# --- ${name}\n${content}`);
        return context.say(self, text.join("\n"), made);
      }
      const out = resolve(context.io.cwd, options.out);
      await mkdir(out, { recursive: true, mode: 0o700 });
      for (const [name, content] of Object.entries(made.files))
        await writeWhole(join(out, name), content, 0o600);
      const names = Object.keys(made.files);
      await context.say(self, `${names.join(" ")} in ${out}`, { folder: out, files: names });
    },
  );
};
