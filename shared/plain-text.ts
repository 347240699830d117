/** Text of strangers (file names, payloads, messages) as it may stand in a terminal or a log. */

/** Control and format characters (Unicode Cc and Cf: escape sequences, changes of direction), and line separators. */
const controls = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;
const controlsButBreaks = /(?![\n\t])[\p{Cc}\p{Cf}\u2028\u2029]/gu;

/** As JSON escapes it: one `\u` for each UTF-16 unit. */
function escaped(letter: string): string {
  return letter
    .split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("");
}

/** Text on one line: nothing in it may move a cursor, begin a line or turn one around. */
export function plain(text: string): string {
  return text.replace(controls, escaped);
}

/** The same for text of several lines. In JSON text the escapes mean what they replace, so it is still the same JSON. */
export function plainLines(text: string): string {
  return text.replace(controlsButBreaks, escaped);
}
