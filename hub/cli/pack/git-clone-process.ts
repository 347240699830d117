/** Fetches one state of a git repository with the host's git. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PetrelError } from "../../../shared/errors.ts";
import { withoutSecrets } from "../../../shared/url-secrets.ts";
import type { PackSource } from "./pack-source.ts";

export type GitSource = Extract<PackSource, { readonly kind: "git" }>;

export interface Checkout {
  readonly folder: string;
  /** The full hash of the commit. */
  readonly commit: string;
}

/** For a large repository behind a slow line; a pack takes seconds. */
const limitMs = 10 * 60_000;
const maxSaid = 64 * 1024;

/**
 * Clones without history into a temporary folder, calls `use` with it, and removes it, also on Ctrl-C. Throws
 * GIT_MISSING, PACK_SOURCE with what git said.
 */
export async function withCheckout<T>(
  source: GitSource,
  env: Readonly<Record<string, string | undefined>>,
  use: (checkout: Checkout) => Promise<T>,
): Promise<T> {
  const parent = mkdtempSync(join(tmpdir(), "petrel-pack-"));
  const remove = () => rmSync(parent, { recursive: true, force: true });
  process.once("exit", remove);
  try {
    // Named like the repository: a pack without a name of its own gets it, and errors show it.
    const folder = join(parent, source.name);
    await clone(source, folder, env);
    const commit = (await git(source, ["-C", folder, "rev-parse", "HEAD"], env)).trim();
    return await use({ folder, commit });
  } finally {
    process.removeListener("exit", remove);
    remove();
  }
}

async function clone(
  source: GitSource,
  folder: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const { url, ref } = source;
  const quiet = ["--quiet", "--depth", "1"];
  // A branch or tag can be cloned; a commit can only be fetched, by its full name.
  if (ref !== null && /^[0-9a-f]{40}$/.test(ref)) {
    await git(source, ["init", "--quiet", "--", folder], env);
    await git(source, ["-C", folder, "fetch", ...quiet, "--", url, ref], env);
    await git(source, ["-C", folder, "checkout", "--quiet", "FETCH_HEAD"], env);
    return;
  }
  const tries = ref === null ? [null] : /^\d/.test(ref) ? [ref, `v${ref}`] : [ref];
  let failure: unknown;
  for (const branch of tries) {
    const at = branch === null ? [] : ["--branch", branch];
    try {
      await git(source, ["clone", ...quiet, ...at, "--", url, folder], env);
      return;
    } catch (error) {
      // StackStorm's packs are asked for by version, and tagged with a `v` before it.
      failure ??= error;
      if (!isNoSuchRef(error)) break;
    }
  }
  throw failure;
}

const isNoSuchRef = (error: unknown) =>
  error instanceof PetrelError && /not found in upstream/.test(error.message);

function git(
  { shownAs, ref }: GitSource,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  return new Promise((done, fail) => {
    const child = spawn(
      "git",
      ["-c", "core.hooksPath=/dev/null", "-c", "protocol.ext.allow=never", ...args],
      {
        stdio: ["ignore", "pipe", "pipe"],
        // Nobody sees a prompt; whoever needs a password has told git's credential store of it.
        env: { ...env, LC_ALL: "C", GIT_TERMINAL_PROMPT: "0" },
      },
    );
    // Not spawn's own: that one keeps the process alive where git is missing.
    const limit = setTimeout(() => child.kill(), limitMs);
    let out = "";
    let said = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out = (out + text).slice(-maxSaid);
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-maxSaid);
    });
    child.on("error", (cause: NodeJS.ErrnoException) => {
      clearTimeout(limit);
      if (cause.code !== "ENOENT") return fail(cause);
      fail(
        new PetrelError("GIT_MISSING", "a pack in a git repository needs git, and this host has none", {
          hint: "install git (apt install git), or give a folder or a .tar.gz",
        }),
      );
    });
    child.on("close", (code, signal) => {
      clearTimeout(limit);
      if (code === 0) return done(out);
      const reason = signal === null ? lastLine(said) : `git was ended by ${signal}`;
      const what = ref === null ? shownAs : `${shownAs} at ${ref}`;
      fail(
        new PetrelError("PACK_SOURCE", `git cannot fetch ${what}: ${withoutSecrets(reason)}`, {
          hint: "check the URL and what follows '='; a private repository needs an SSH key or git's credential store",
        }),
      );
    });
  });
}

/** What git ends with is the reason; what it advises besides is for users of git. */
function lastLine(said: string): string {
  const lines = said.split("\n").map((line) => line.trim());
  const fatal = lines.findLast((line) => /^(?:fatal|error): /.test(line));
  return (fatal ?? lines.findLast((line) => line !== "") ?? "it gave no reason").replace(/^\w+: /, "");
}
