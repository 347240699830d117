/** Load process: N simulated agents and the triggers that drive them. */
import { join } from "node:path";
import { createLogger } from "../shared/log.ts";
import { keepObjectsYoung } from "../shared/young-objects-process.ts";
import { answerQuestions } from "./child-process.ts";
import { type BenchEnrolment, enrolAgent } from "./enrol-agent.ts";
import { triggerOf } from "./fleet-pack.ts";
import { drive, type Load } from "./pace.ts";
import { cpuSeconds } from "./proc-fs.ts";
import { type SimulatedAgent, startSimulatedAgent } from "./simulated-agent.ts";

interface Start {
  readonly op: "start";
  readonly hub: string;
  readonly folder: string;
  readonly agents: number;
  /** They enrol first. */
  readonly enrolment?: BenchEnrolment;
}
interface Run {
  readonly op: "run";
  readonly load: Load;
  /** Of the hub. */
  readonly pid: number;
}
interface Held {
  readonly op: "held";
}

const log = createLogger({
  level: "warn",
  format: "text",
  write: (line) => process.stderr.write(`${line}\n`),
  now: () => Date.now(),
});
keepObjectsYoung();
const agents: SimulatedAgent[] = [];
let ended: (seq: number) => void = () => {};
/** Numbers go on over all runs, so that each chain can be told from every other. */
let first = 0;

async function start({ hub, folder, agents: count, enrolment }: Start): Promise<void> {
  for (let i = 0; i < count; i++) {
    const id = `load-${i}`;
    const identity =
      enrolment === undefined ? null : await enrolAgent(id, join(folder, id, "own"), enrolment, log);
    agents.push(
      await startSimulatedAgent({
        id,
        folder: join(folder, id),
        hub,
        log,
        identity,
        ended: (seq) => ended(seq - first),
      }),
    );
  }
}

async function run({ load, pid }: Run) {
  const cpu: number[] = [];
  const ownCpu: number[] = [];
  const figures: { messages: number; batches: number }[] = [];
  let refused: unknown = null;
  const measured = await drive(
    load,
    (n) => {
      const { trigger, payload } = triggerOf(first + n);
      agents[n % agents.length]?.trigger(trigger, payload).catch((error) => {
        refused ??= error;
      });
    },
    (tell) => {
      ended = tell;
    },
    () => {
      cpu.push(cpuSeconds(pid));
      ownCpu.push(cpuSeconds(process.pid));
      figures.push(sum(agents.map((agent) => agent.figures())));
    },
  );
  first += measured.begun;
  if (refused !== null) throw refused;
  const [before, after] = figures;
  return {
    ...measured,
    messages: (after?.messages ?? 0) - (before?.messages ?? 0),
    batches: (after?.batches ?? 0) - (before?.batches ?? 0),
    cpuSeconds: (cpu[1] ?? 0) - (cpu[0] ?? 0),
    loadCpuSeconds: (ownCpu[1] ?? 0) - (ownCpu[0] ?? 0),
  };
}

function sum(figures: readonly { readonly messages: number; readonly batches: number }[]) {
  const total = { messages: 0, batches: 0 };
  for (const { messages, batches } of figures) {
    total.messages += messages;
    total.batches += batches;
  }
  return total;
}

/** Entries without a receipt. */
async function held(): Promise<number> {
  return agents.reduce((entries, agent) => entries + agent.link().held, 0);
}

const answers = { start, run, held };
answerQuestions<Start | Run | Held>(
  (question) => answers[question.op](question as never),
  async () => {
    await Promise.all(agents.map((agent) => agent.stop()));
  },
);
