/** Lines of a daemon's log as strangers may read them. Pure. */

/** Lines about one sensor or one execution: what that has printed may be in them, and nobody can tell what is secret in it. */
const quoting = /\s(?:sensor|action|execution)=|"(?:sensor|action|execution)":/;

/** The line, or what can be said of one that may quote a sensor or an action. */
export function shownLine(line: string): string {
  if (!quoting.test(line)) return line;
  const [at = ""] = /\d{4}-\d\d-\d\dT[\d:.]+Z/.exec(line) ?? [];
  const [level = ""] = /\b(DEBUG|INFO|WARN|ERROR)\b/.exec(line.toUpperCase()) ?? [];
  const [, about = "", json = ""] =
    /\s((?:sensor|action)=[\w.-]+)/.exec(line) ?? /("(?:sensor|action)":"[\w.-]+")/.exec(line) ?? [];
  return `${at} ${level.padEnd(5)} (left out, as it may quote what was printed) ${about}${json}`.trimEnd();
}
