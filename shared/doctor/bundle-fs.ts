/** Writes what a doctor has gathered into one file, to be sent to whoever helps. */
import { open, rm } from "node:fs/promises";
import { gzipSync } from "node:zlib";
import { PetrelError } from "../errors.ts";
import { plainLines } from "../plain-text.ts";
import type { Masking } from "./masking.ts";
import { tarFile } from "./tar-file.ts";

/** One file of a bundle: text, or what is written as JSON. */
export interface BundlePart {
  readonly name: string;
  /** For people: what it is. */
  readonly about: string;
  readonly content: string | object;
}

export interface WrittenBundle {
  readonly file: string;
  readonly bytes: number;
  readonly contents: readonly { readonly name: string; readonly about: string }[];
}

const readme = (names: readonly Pick<BundlePart, "name" | "about">[]) =>
  [
    "What `doctor --bundle` has gathered. Secrets are masked as ********: those whose value is known here, and what",
    "looks like one. What sensors and actions print is left out, and so are payloads, parameters and results. Host names,",
    "labels, paths and addresses are in it: look through it before you send it on.",
    "",
    ...names.map(({ name, about }) => `${name.padEnd(20)} ${about}`),
    "",
  ].join("\n");

/**
 * Writes a `.tar.gz` with mode 0600; everything goes through `masking`. BUNDLE_FILE when the file is there already, or
 * cannot be written: then nothing is left of it.
 */
export async function writeBundle(
  file: string,
  parts: readonly BundlePart[],
  { masking, now }: { readonly masking: Masking; readonly now: number },
): Promise<WrittenBundle> {
  const contents = parts.map(({ name, about }) => ({ name, about }));
  const whole: readonly BundlePart[] = [
    { name: "README.txt", about: "", content: readme(contents) },
    ...parts,
  ];
  const bytes = gzipSync(
    tarFile(
      whole.map(({ name, content }) => ({
        path: `petrel-doctor/${name}`,
        content: Buffer.from(textOf(name, content, masking)),
      })),
      now,
    ),
  );
  try {
    // Never through a link that somebody has put there: `wx` makes a new file or none.
    const handle = await open(file, "wx", 0o600);
    try {
      await handle.writeFile(bytes);
    } catch (error) {
      await rm(file, { force: true });
      throw error;
    } finally {
      await handle.close();
    }
  } catch (cause) {
    const isThere = cause instanceof Error && "code" in cause && cause.code === "EEXIST";
    const why = isThere ? "the file is there already" : `it cannot be written: ${(cause as Error).message}`;
    throw new PetrelError("BUNDLE_FILE", why, {
      where: file,
      hint: "name a file that does not exist, in a folder that you may write to",
      cause,
    });
  }
  return { file, bytes: bytes.length, contents };
}

function textOf(name: string, content: string | object, masking: Masking): string {
  // What explains the masks stays as it is.
  if (name === "README.txt" && typeof content === "string") return content;
  if (typeof content === "string") return plainLines(masking.text(content));
  // Once more as text: a secret that is a number stands in no text.
  return plainLines(`${masking.known(JSON.stringify(masking.json(content), null, 2))}\n`);
}

/** What a command says of a bundle that it has written. */
export function bundleText({ file, bytes, contents }: WrittenBundle): string {
  const size = `${Math.ceil(bytes / 1024)} KiB`;
  const rows = contents.map(({ name, about }) => `  ${name.padEnd(20)} ${about}\n`).join("");
  return `wrote ${file} (${size}, mode 0600), secrets masked; look through it before you send it on. It has:\n${rows}`;
}
