/** Looks at a program that is to be installed: its digest, its machine, and what it says of itself when it is run. */
import { execFile } from "node:child_process";
import { open, realpath } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { isSea } from "node:sea";
import { promisify } from "node:util";
import { PetrelError } from "../errors.ts";
import { textIfThere } from "../whole-file-fs.ts";
import {
  checkMachine,
  digestIn,
  namesInSums,
  parseDescription,
  parseUnits,
  type SelfDescription,
  type Units,
} from "./candidate.ts";
import type { Copy } from "./releases-fs.ts";

/** ms for a program to say its version, on a host that has much else to do. */
const answerWithinMs = 60_000;

export interface DigestFlags {
  readonly sha256?: string;
  /** A file as sha256sum(1) writes it. */
  readonly sums?: string;
}

/** The program that runs, if it is one whole file; otherwise INSTALL_BINARY. `named`: what `--binary` says. */
export async function ownBinary(named: string | undefined, cwd: string, program: string): Promise<string> {
  if (named !== undefined) return resolve(cwd, named);
  if (isSea()) return realpath(process.execPath);
  throw new PetrelError(
    "INSTALL_BINARY",
    `this ${program} runs from its sources, which are no one file to install`,
    {
      hint: `name one with --binary FILE: npm run build:binaries makes it`,
    },
  );
}

/** What was asked for: in hexadecimal, or `null` when nothing was. CLI_USAGE, FILE_UNREADABLE, UPGRADE_DIGEST. */
export async function wantedDigest(file: string, flags: DigestFlags, cwd: string): Promise<string | null> {
  const { sha256, sums } = flags;
  if (sha256 !== undefined) {
    if (!/^[0-9a-fA-F]{64}$/.test(sha256))
      throw new PetrelError("CLI_USAGE", "--sha256 takes 64 hexadecimal digits", { where: "--sha256" });
    return sha256.toLowerCase();
  }
  if (sums === undefined) return null;
  const text = await textIfThere(resolve(cwd, sums));
  if (text === null) throw new PetrelError("FILE_UNREADABLE", "there is no such file", { where: sums });
  const found = digestIn(text, basename(file));
  if (found === null)
    throw new PetrelError("UPGRADE_DIGEST", `there is no line for ${basename(file)}`, {
      where: sums,
      hint: `it has lines for ${namesInSums(text)}: call the file as it is called there, or give its digest with --sha256`,
    });
  return found;
}

/**
 * Looks at a copy of a file, and runs nothing of it: UPGRADE_DIGEST when another one was wanted, UPGRADE_ARCHITECTURE.
 * `where`: what it was copied from.
 */
export async function checkCopy({ path, sha256 }: Copy, wanted: string | null, where: string): Promise<void> {
  checkDigest(sha256, wanted, where);
  checkMachine(await headOf(path), process.arch, where);
}

/** UPGRADE_DIGEST when another one was wanted. */
export function checkDigest(sha256: string, wanted: string | null, where: string): void {
  if (wanted !== null && sha256 !== wanted)
    throw new PetrelError("UPGRADE_DIGEST", `its digest is ${sha256}, and ${wanted} was asked for`, {
      where,
      hint: "fetch it again, and compare with SHA256SUMS",
    });
}

/** What says which machine a program is for. */
export async function headOf(path: string): Promise<Uint8Array> {
  const handle = await open(path, "r");
  try {
    const head = Buffer.alloc(20);
    const { bytesRead } = await handle.read(head, 0, 20, 0);
    return head.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/**
 * Runs `FILE version --json`, as whoever calls: of a file that others could change only when nobody has verified it.
 * UPGRADE_UNFIT when it does not run or does not say what it is. `where`: what errors name.
 */
export async function describe(file: string, where = file): Promise<SelfDescription> {
  try {
    return parseDescription(await said(file, "version", "--json"), where);
  } catch (cause) {
    if (cause instanceof PetrelError) throw cause;
    throw new PetrelError("UPGRADE_UNFIT", `the program does not run here: ${endOf(cause)}`, {
      where,
      hint: "is the file a whole program, and on a file system without noexec?",
      cause,
    });
  }
}

/** Of a program that was used wrongly: it does not know what it was asked. */
const usedWrongly = 2;

/** Runs `FILE upgrade --units`; `null` for a version that does not know the question. UPGRADE_UNFIT when it fails otherwise. */
export async function unitsOf(file: string): Promise<Units | null> {
  const unfit = (how: string, cause?: unknown) =>
    new PetrelError("UPGRADE_UNFIT", `the program does not say its units: ${how}`, {
      where: file,
      hint: "try again; if it stays so, take another version",
      ...(cause !== undefined && { cause }),
    });
  let text: string;
  try {
    text = await said(file, "upgrade", "--units");
  } catch (cause) {
    if ((cause as { code?: unknown }).code === usedWrongly) return null;
    throw unfit(endOf(cause), cause);
  }
  const units = parseUnits(text);
  if (units === null) throw unfit("what it prints are none");
  return units;
}

/** For people: how a program has ended that did not do what it was asked. */
function endOf(cause: unknown): string {
  const { code, killed, signal, stderr } = cause as {
    code?: unknown;
    killed?: boolean;
    signal?: string | null;
    stderr?: string;
  };
  const how =
    killed === true ? `no answer within ${answerWithinMs / 1000} s` : `it ended with ${code ?? signal}`;
  const last = (stderr ?? "").trim().split("\n").at(-1) ?? "";
  return last === "" ? how : `${how}: ${last}`;
}

async function said(file: string, ...words: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(file, words, {
    timeout: answerWithinMs,
    killSignal: "SIGKILL",
    cwd: "/",
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/" },
    maxBuffer: 1024 * 1024,
  });
  return stdout;
}
