/** Lines of a daemon's log as strangers may read them. Pure. */

/** Lines about one sensor, execution, rule or key: what was printed or told may be in them, and nobody can tell what is secret in it. */
const quoting =
  /\s(?:sensor|action|execution|rule|instance|trigger|key)=|"(?:sensor|action|execution|rule|instance|trigger|key)":/;

/** Characters of one line. */
const longest = 2_000;

/** The line, or what can be said of one that may quote a sensor or an action. */
export function shownLine(line: string): string {
  if (!quoting.test(line)) return line.length > longest ? `${line.slice(0, longest)}…` : line;
  const [at = ""] = /\d{4}-\d\d-\d\dT[\d:.]+Z/.exec(line) ?? [];
  const [level = ""] = /\b(DEBUG|INFO|WARN|ERROR)\b/.exec(line.toUpperCase()) ?? [];
  const [, about = "", json = ""] =
    /\s((?:sensor|action)=[\w.-]+)/.exec(line) ?? /("(?:sensor|action)":"[\w.-]+")/.exec(line) ?? [];
  return `${at} ${level.padEnd(5)} (left out, as it may quote what was printed or told) ${about}${json}`.trimEnd();
}
