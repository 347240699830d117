/** When a long-running process is to end: a signal, or the end of its parent. */

export interface Ended {
  /** Exit code: 130 after Ctrl-C, 0 when it was told to stop. */
  readonly code: number;
  readonly why: string;
}

export interface EndWatch {
  readonly ended: Promise<Ended>;
  /** Lets the process end by itself once nothing is left to do. */
  release(): void;
}

/** A second wish this much later means: at once. Ctrl-C may reach a process twice, from the terminal and from npm. */
const sameWishMs = 500;

/**
 * `ended` resolves at the first SIGINT, SIGTERM or SIGHUP, or, `withParent`, when standard input ends. A second signal
 * ends the process at once. Until `release` the process stays alive: pending timers alone would not keep it.
 */
export function watchForEnd({ withParent }: { readonly withParent: boolean }): EndWatch {
  const alive = setInterval(() => {}, 1_000_000_000);
  const ended = new Promise<Ended>((resolve) => {
    let firstAt: number | null = null;
    const end = (code: number, why: string) => {
      const now = performance.now();
      if (firstAt === null) {
        firstAt = now;
        resolve({ code, why });
      } else if (now - firstAt > sameWishMs) process.exit(code === 0 ? 1 : code);
    };
    process.on("SIGINT", () => end(130, "SIGINT"));
    process.on("SIGTERM", () => end(0, "SIGTERM"));
    process.on("SIGHUP", () => end(0, "SIGHUP"));
    if (!withParent) return;
    const gone = () => {
      if (firstAt === null) end(0, "its parent has gone");
    };
    process.stdin.on("end", gone).on("close", gone).on("error", gone).resume();
  });
  return {
    ended,
    release: () => {
      clearInterval(alive);
      if (withParent) process.stdin.destroy();
    },
  };
}
