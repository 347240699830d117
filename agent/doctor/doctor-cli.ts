/** `petrel-agent doctor`: looks at this host and its agent, says what is wrong and how to mend it. */
import { resolve } from "node:path";
import type { CliIo } from "../../shared/cli/cli-io.ts";
import { CommandEnded } from "../../shared/cli/program-cli.ts";
import { bundleText, writeBundle } from "../../shared/doctor/bundle-fs.ts";
import { type Finding, hasFault, requireChecks } from "../../shared/doctor/finding.ts";
import { findingsText } from "../../shared/doctor/findings-text.ts";
import { systemFacts } from "../../shared/doctor/host-fs.ts";
import { journalOf } from "../../shared/doctor/journal-process.ts";
import { createMasking, secretsOf, urlSecrets } from "../../shared/doctor/masking.ts";
import { plainLines } from "../../shared/plain-text.ts";
import { systemTimers } from "../../shared/system-process.ts";
import { textIfThere } from "../../shared/whole-file-fs.ts";
import { socketOf } from "../agent-folder-fs.ts";
import { askMetrics } from "../status/ask-http.ts";
import { type AgentCase, runningOf } from "./agent-case.ts";
import { agentBundle } from "./bundle.ts";
import { agentCheckNames, agentFindings, agentUnit } from "./checks-process.ts";
import { type CaseFlags, openCase } from "./open-case-fs.ts";

export interface DoctorFlags extends CaseFlags {
  readonly json?: boolean;
  readonly bundle?: string;
  readonly check?: readonly string[];
}

/** Ends with 1 when there is a fault. CLI_USAGE, BUNDLE_FILE. */
export async function runDoctor(io: CliIo, flags: DoctorFlags): Promise<void> {
  requireChecks(flags.check ?? [], agentCheckNames);
  io.exitOnInterrupt();
  const agentCase = await openCase(io, flags);
  const findings = await agentFindings(agentCase, {
    quoted: flags.bundle === undefined,
    only: flags.check,
    timers: systemTimers,
  });
  const ok = !hasFault(findings);
  const bundle = flags.bundle === undefined ? null : await pack(io, agentCase, findings, flags.bundle);
  if (flags.json) {
    const said = { ok, findings, ...(bundle !== null && { bundle }) };
    await io.out(`${plainLines(JSON.stringify(said, null, 2))}\n`);
  } else {
    await io.out(findingsText(findings));
    if (bundle !== null) await io.out(`\n${bundleText(bundle)}`);
  }
  if (!ok) throw new CommandEnded(1);
}

async function pack(io: CliIo, agentCase: AgentCase, findings: readonly Finding[], file: string) {
  const { configFile, data, env, now } = agentCase;
  const [system, metrics, journal, settings] = await Promise.all([
    systemFacts(),
    runningOf(agentCase) === null ? null : askMetrics(socketOf(data)).catch(() => null),
    journalOf(agentUnit),
    configFile === null ? null : textIfThere(configFile).catch(() => null),
  ]);
  const masking = createMasking([...secretsOf(env), ...urlSecrets(settings ?? "")]);
  const parts = agentBundle({ agentCase, findings, system, metrics, journal });
  return writeBundle(resolve(io.cwd, file), parts, { masking, now });
}
