/** What a failed attempt says of itself. */

/** Of several that are one, named at most. */
const most = 4;

/**
 * Its message. Where Node has tried every address of a name, none of which answered, the whole says nothing: then those of
 * the attempts. Never empty, unless the error has nothing but its class.
 */
export function errorMessage(error: Error): string {
  if (error.message !== "" || !(error instanceof AggregateError)) return error.message;
  const parts: readonly unknown[] = error.errors.slice(0, most);
  return parts.map((part) => (part instanceof Error ? errorMessage(part) : String(part))).join("; ");
}
