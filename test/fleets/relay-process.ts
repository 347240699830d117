/** Carries connections to a port of one place to a socket by path in this process: a listener where this process is not. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { atEnd } from "../support/at-end.ts";
import { inNetwork } from "../support/network-namespace.ts";
import { tempFolder } from "../support/temp-folder.ts";

/** Has these ports of a place carried to sockets of this process. `env` says where. */
export async function listenAt(
  env: Readonly<Record<string, string>>,
  ports: { readonly link: number; readonly enroll: number },
): Promise<{ readonly sockets: { readonly link: string; readonly enroll: string } }> {
  const folder = await tempFolder("sockets");
  const sockets = { link: join(folder, "link"), enroll: join(folder, "enroll") };
  await startRelay(ports.link, sockets.link, env);
  await startRelay(ports.enroll, sockets.enroll, env);
  return { sockets };
}

/** Resolves when it listens. */
async function startRelay(port: number, path: string, env: Readonly<Record<string, string>>): Promise<void> {
  const script = join(import.meta.dirname, "relay.ts");
  const program = inNetwork(process.execPath, [script, String(port), path], env);
  const child = spawn(program.file, program.args, { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  atEnd(async () => {
    child.kill("SIGKILL");
    await exited;
  });
  await Promise.race([
    once(child.stdout, "data"),
    exited.then(() => Promise.reject(new Error("the relay has ended"))),
  ]);
}
