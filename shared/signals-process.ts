/** When a long-running process is to end: a signal, or the end of its parent. */

export interface Ended {
  /** Exit code: 130 after Ctrl-C, 0 when it was told to stop. */
  readonly code: number;
  readonly why: string;
}

export interface EndWatchOptions {
  /** It also ends when standard input does: its parent has gone. */
  readonly withParent: boolean;
  /** It can end faster than it does at first: a second signal asks for that, and the third one ends it. */
  readonly mayHurry?: boolean;
  /** What SIGHUP asks of a daemon, instead of its end. In a terminal SIGHUP says that this was closed, and ends it. */
  readonly reload?: () => void;
}

export interface EndWatch {
  readonly ended: Promise<Ended>;
  /** Resolves to the second signal's name, where the process `mayHurry`; otherwise never. */
  readonly hurried: Promise<string>;
  /** Lets the process end by itself once nothing is left to do. */
  release(): void;
}

/** A wish this much later is another one. Ctrl-C may reach a process twice, from the terminal and from npm. */
const sameWishMs = 500;

/**
 * `ended` resolves at the first SIGINT, SIGTERM or (without `reload`) SIGHUP, or, `withParent`, when standard input ends. The next signal
 * ends the process at once, or, where it `mayHurry`, the one after that. Until `release` the process stays alive:
 * pending timers alone would not keep it.
 */
export function watchForEnd({ withParent, mayHurry = false, reload }: EndWatchOptions): EndWatch {
  const alive = setInterval(() => {}, 1_000_000_000);
  const ended = Promise.withResolvers<Ended>();
  const hurried = Promise.withResolvers<string>();
  let wishes = 0;
  let lastAt = 0;
  const wish = (code: number, why: string) => {
    const now = performance.now();
    if (wishes > 0 && now - lastAt <= sameWishMs) return;
    lastAt = now;
    wishes++;
    if (wishes === 1) ended.resolve({ code, why });
    else if (wishes === 2 && mayHurry) hurried.resolve(why);
    else process.exit(code === 0 ? 1 : code);
  };
  process.on("SIGINT", () => wish(130, "SIGINT"));
  process.on("SIGTERM", () => wish(0, "SIGTERM"));
  const inTerminal = [process.stdin, process.stdout, process.stderr].some(({ isTTY }) => isTTY === true);
  process.on("SIGHUP", () => (reload === undefined || inTerminal ? wish(0, "SIGHUP") : reload()));
  if (withParent) {
    const gone = () => {
      if (wishes === 0) wish(0, "its parent has gone");
    };
    process.stdin.on("end", gone).on("close", gone).on("error", gone).resume();
  }
  return {
    ended: ended.promise,
    hurried: hurried.promise,
    release: () => {
      clearInterval(alive);
      if (withParent) process.stdin.destroy();
    },
  };
}
