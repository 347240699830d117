/** How both commands read their arguments, report what is wrong, and choose an exit code. */
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { errorReport, exitCodeOf, formatError, PetrelError } from "../errors.ts";
import type { CliIo } from "./cli-io.ts";

export interface ProgramOptions {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly io: CliIo;
}

/** A command that writes to `io` and throws instead of ending the process. Its subcommands inherit that. */
export function createProgram({ name, version, description, io }: ProgramOptions): Command {
  return new Command(name)
    .description(description)
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print the help of a command")
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.out(text),
      writeErr: (text) => io.err(text),
      // Said once, in our own form, by runProgram.
      outputError: () => {},
      getOutHelpWidth: () => Math.min(io.columns ?? 100, 110),
    });
}

/** Adds an example to a command's help; each command has one. */
export function withExample(command: Command, ...lines: readonly string[]): Command {
  return command.addHelpText("after", `\nExample:\n${lines.map((line) => `  ${line}\n`).join("")}`);
}

/** Collects a repeatable option. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** Reads a whole number; for commander's argument parsers. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}

/** Thrown by a command that has said all there is to say and ends with `code`. */
export class CommandEnded extends Error {
  readonly code: number;

  constructor(code: number) {
    super(`ended with ${code}`);
    this.code = code;
  }
}

/** The command that the arguments lead to, as one would type it. */
function namedCommand(program: Command, args: readonly string[]): string {
  let command = program;
  const names = [program.name()];
  for (const arg of args) {
    const inner = command.commands.find((candidate) => candidate.name() === arg);
    if (inner === undefined) continue;
    command = inner;
    names.push(arg);
  }
  return names.join(" ");
}

function usageError(error: CommanderError, command: string): PetrelError {
  const [first = "", ...rest] = error.message.replace(/^error: /, "").split("\n");
  const meant = /\(Did you mean (?:one of )?(.+?)\?\)/.exec(rest.join(" "))?.[1];
  const hint = meant === undefined ? `\`${command} --help\` shows how it is used` : `did you mean ${meant}?`;
  return new PetrelError("CLI_USAGE", first, { hint });
}

/**
 * Runs the command and resolves to its exit code: 0 done, 1 failed, 2 used wrongly, 3 not reachable, 4 refused.
 * Errors go to stderr, as JSON when `--json` was given.
 */
export async function runProgram(program: Command, args: readonly string[], io: CliIo): Promise<number> {
  try {
    await program.parseAsync([...args], { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommandEnded) return error.code;
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return 0;
      // Help that was shown because a noun came without a verb: it says everything.
      if (error.code === "commander.help") return 2;
    }
    const shown = error instanceof CommanderError ? usageError(error, namedCommand(program, args)) : error;
    const json = args.includes("--json");
    io.err(json ? `${JSON.stringify({ error: errorReport(shown) })}\n` : `${formatError(shown)}\n`);
    return exitCodeOf(shown);
  }
}
