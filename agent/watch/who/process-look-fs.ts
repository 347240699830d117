/** Looks at living processes in /proc (proc(5)). What has gone, or may not be read, is `null`. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { argumentsOf } from "./command-line.ts";
import { unitOf } from "./control-group.ts";

/** Errors of reading about a process that ends meanwhile, or that belongs to others. */
const expected = new Set(["ENOENT", "ESRCH", "EACCES", "EPERM", "EINVAL", "EIO"]);

function attempt<T>(look: () => T): T | null {
  try {
    return look();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== undefined && expected.has(code)) return null;
    throw error;
  }
}

/** The path of its program; `null` for kernel threads too. */
export function programPath(pid: number): string | null {
  return attempt(() => readlinkSync(`/proc/${pid}/exe`));
}

export function programArguments(pid: number): readonly string[] | null {
  const args = attempt(() => argumentsOf(readFileSync(`/proc/${pid}/cmdline`)));
  // Empty while a process ends.
  return args?.length === 0 ? null : args;
}

/** Who started it, and as whom it runs (the real user). */
export function standing(pid: number): { readonly parent: number; readonly uid: number } | null {
  const text = attempt(() => readFileSync(`/proc/${pid}/status`, "latin1"));
  if (text === null) return null;
  const parent = /^PPid:\s+(\d+)/m.exec(text)?.[1];
  const uid = /^Uid:\s+(\d+)/m.exec(text)?.[1];
  return parent === undefined || uid === undefined ? null : { parent: Number(parent), uid: Number(uid) };
}

/** `null` in `loginUid`: nobody logged in. */
export function session(
  pid: number,
): { readonly loginUid: number | null; readonly unit: string | null } | null {
  const groups = attempt(() => readFileSync(`/proc/${pid}/cgroup`, "latin1"));
  if (groups === null) return null;
  // Missing in kernels without audit.
  const login = attempt(() => readFileSync(`/proc/${pid}/loginuid`, "latin1"));
  const loginUid = login === null ? noLogin : Number(login);
  return { loginUid: loginUid === noLogin ? null : loginUid, unit: unitOf(groups) };
}

/** (uid_t) -1 */
const noLogin = 4_294_967_295;

/** A variable of the environment it was started with. */
export function variable(pid: number, name: string): string | null {
  const text = attempt(() => readFileSync(`/proc/${pid}/environ`, "utf8")) ?? "";
  const found = text.split("\0").find((part) => part.startsWith(`${name}=`));
  return found?.slice(name.length + 1) || null;
}

export function allProcesses(): readonly number[] {
  return readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
}
