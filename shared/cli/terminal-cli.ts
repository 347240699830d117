/** The whole screen of a terminal, for as long as a command needs it; given back as it was, however the command ends. */

export interface Screen {
  size(): { readonly columns: number; readonly rows: number };
  /** Whether colors are wanted (NO_COLOR, TERM). */
  readonly color: boolean;
  /** Replaces what is shown. */
  draw(lines: readonly string[]): void;
  /** A key as text, Ctrl-C included. */
  onKey(listener: (key: string) => void): void;
  onResize(listener: () => void): void;
  close(): void;
}

const enter = "\u001b[?1049h\u001b[?25l";
const leave = "\u001b[?25h\u001b[?1049l";
const home = "\u001b[H";
const endLine = "\u001b[K";
const endScreen = "\u001b[J";

/** `null` when standard input and output are no terminal. */
export function openScreen(env: Readonly<Record<string, string | undefined>>): Screen | null {
  const { stdin, stdout } = process;
  if (!stdin.isTTY || !stdout.isTTY) return null;
  let isOpen = true;
  const close = () => {
    if (!isOpen) return;
    isOpen = false;
    process.off("exit", close);
    stdin.setRawMode(false);
    stdin.pause();
    stdout.write(leave);
  };
  // Also after an error, and after a signal that ends the process by `process.exit`.
  process.on("exit", close);
  for (const [signal, code] of [
    ["SIGTERM", 143],
    ["SIGHUP", 129],
    ["SIGINT", 130],
  ] as const) {
    process.once(signal, () => process.exit(code));
  }
  stdin.setRawMode(true);
  stdin.setEncoding("utf8");
  stdin.resume();
  stdout.write(enter);
  return {
    size: () => ({ columns: stdout.columns, rows: stdout.rows }),
    color: (env.NO_COLOR ?? "") === "" && env.TERM !== "dumb",
    draw: (lines) => {
      if (isOpen) stdout.write(`${home}${lines.map((line) => line + endLine).join("\r\n")}${endScreen}`);
    },
    onKey: (listener) => void stdin.on("data", (chunk) => listener(String(chunk))),
    onResize: (listener) => void stdout.on("resize", listener),
    close,
  };
}
