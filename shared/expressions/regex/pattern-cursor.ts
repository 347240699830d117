/** A cursor over a pattern's characters, and the escapes that stand for one character. */
import { PetrelError } from "../../errors.ts";

const CONTROLS: Readonly<Record<string, number>> = { a: 7, b: 8, f: 12, n: 10, r: 13, t: 9, v: 11 };

export class PatternCursor {
  readonly #letters: readonly string[];
  readonly #pattern: string;
  #at = 0;

  constructor(pattern: string) {
    this.#pattern = pattern;
    this.#letters = [...pattern];
  }

  get at(): number {
    return this.#at;
  }

  /** In code points. */
  get length(): number {
    return this.#letters.length;
  }

  back(to: number): void {
    this.#at = to;
  }

  /** The next characters as text, to be looked at. */
  ahead(count: number): string {
    return this.#letters.slice(this.#at, this.#at + count).join("");
  }

  /** Throws CRITERIA_REGEX. */
  fail(message: string, at = this.#at): never {
    const shown = this.#pattern.length > 80 ? `${this.#pattern.slice(0, 80)}…` : this.#pattern;
    throw new PetrelError("CRITERIA_REGEX", `${message} at position ${at} of pattern '${shown}'`);
  }

  /** The character at `offset` from here; empty beyond the end. */
  peek(offset = 0): string {
    return this.#letters[this.#at + offset] ?? "";
  }

  /** The next character, which is then passed. */
  take(): string {
    return this.#letters[this.#at++] ?? "";
  }

  /** Passes `text` if it stands here. */
  skip(text: string): boolean {
    for (let i = 0; i < text.length; i++) if (this.peek(i) !== text.charAt(i)) return false;
    this.#at += text.length;
    return true;
  }

  /** The character an escape stands for, in and out of a set. */
  code(letter: string): number {
    if (letter === "") return this.fail("bad escape (end of pattern)");
    if (letter === "x") return this.hex(2, letter);
    if (letter === "u") return this.hex(4, letter);
    if (letter === "U") return this.hex(8, letter);
    if (letter === "0") {
      let digits = "0";
      while (digits.length < 3 && /^[0-7]$/.test(this.peek())) digits += this.take();
      return Number.parseInt(digits, 8);
    }
    const control = letter === "b" ? undefined : CONTROLS[letter];
    if (control !== undefined) return control;
    if (letter === "N") return this.fail("named characters (\\N{…}) cannot be translated");
    if (/^[A-Za-z0-9]$/.test(letter)) return this.fail(`bad escape \\${letter}`);
    return letter.codePointAt(0) ?? 0;
  }

  /** Exactly `size` hex digits. */
  hex(size: number, letter: string): number {
    const digits = this.#letters.slice(this.#at, this.#at + size).join("");
    if (!new RegExp(`^[0-9a-fA-F]{${size}}$`).test(digits))
      return this.fail(`incomplete escape \\${letter}${digits}`);
    this.#at += size;
    const code = Number.parseInt(digits, 16);
    return code <= 0x10ffff ? code : this.fail(`bad escape \\${letter}${digits}`);
  }

  /** Up to three octal digits. */
  octal(first: string): number {
    let digits = first;
    while (digits.length < 3 && /^[0-7]$/.test(this.peek())) digits += this.take();
    const code = Number.parseInt(digits, 8);
    return code <= 0o377 ? code : this.fail(`octal escape value \\${digits} outside of range 0-0o377`);
  }
}
