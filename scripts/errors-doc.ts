/** Writes docs/errors.md from the catalogue of error codes. */
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { catalogue } from "../shared/errors.ts";

const rows = Object.entries(catalogue)
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(
    ([code, entry]) =>
      `| \`${code}\` | ${entry.text} | ${entry.status} | ${entry.exit} | ${"retry" in entry ? "yes" : ""} |`,
  );

const text = `# Errors

Codes are stable: programs compare them, people search for them. Every error says what, where, and how to mend it:

\`\`\`
PACK_RULE_OPERATOR: rule web.alert uses the unknown operator 'startwith'
  where: packs/web/rules/alert.yaml:14 (criteria.trigger.path)
  fix:   write 'startswith'
\`\`\`

*HTTP* is the status at the API, *exit* the command line's exit code (1 failed, 2 used wrongly, 3 not reachable,
4 refused). *Again* says whether the same call may succeed later without anybody changing anything.

| code | meaning | HTTP | exit | again |
|---|---|---|---|---|
${rows.join("\n")}
`;

writeFileSync(join(resolve(import.meta.dirname, ".."), "docs", "errors.md"), text);
