/** `npm start`: installs what is missing, then runs the sample set-up on the project's own Node. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { projectNode, root, setUp } from "./setup.mjs";

setUp();
// A session of its own: Ctrl-C reaches every process of the terminal's group, npm passes it on besides, and the
// sample is to hear of it once. The pipe tells it when this process is gone for good.
const sample = spawn(
  projectNode(),
  ["--disable-warning=ExperimentalWarning", join(root, "scripts", "sample.ts"), ...process.argv.slice(2)],
  {
    cwd: root,
    detached: true,
    stdio: ["pipe", "inherit", "inherit"],
    env: { ...process.env, NODE_COMPILE_CACHE: join(root, "node_modules", ".cache", "petrel") },
  },
);
sample.on("error", (error) => {
  console.error(`START_FAILED: ${error.message}`);
  process.exit(1);
});

let interruptedAt = 0;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    const now = performance.now();
    if (interruptedAt !== 0 && now - interruptedAt < 1000) return;
    interruptedAt = now;
    sample.kill(signal);
  });
}
sample.on("exit", (code, signal) => {
  if (code === null)
    console.error(
      `START_FAILED: the hub was ended by ${signal}\n  fix:   \`npm start\` goes on where it was`,
    );
  process.exit(code ?? (signal === "SIGKILL" ? 137 : 1));
});
