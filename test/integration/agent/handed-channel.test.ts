/** A script's channel that goes from one agent to the next, again and again: each line once, each question answered. */
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { followHanded, runGated, type ScriptChannel } from "../../../agent/actions/gated-process.ts";
import { HandedOver, type HandedProcess, type TalkSoFar } from "../../../agent/actions/handed-over.ts";
import { loadKernelSpawn } from "../../../agent/actions/kernel-spawn-process.ts";
import { adoptHanded } from "../../../agent/actions/take-up-process.ts";

const execution = "01K0000000000000000CHANNEL";
const settings = { termGraceMs: 500, outputCapBytes: 1024, kernelSpawn: loadKernelSpawn() };
const asked = 60;

/** A line is written in two halves, with a pause between; every third one is a question, and the script says more meanwhile. */
const program = {
  command: "/bin/sh",
  args: [
    "-c",
    `take() { read -r answer <&3; echo "got $answer"; }; read -r gate <&3; echo "$gate" >&4; n=0; while [ $n -lt ${asked} ]; do n=$((n+1)); printf "line " >&4; sleep 0.01; echo "$n" >&4; [ $((n % 3)) != 2 ] || [ $n = 2 ] || take; done; take; exit 9`,
  ],
  cwd: "/",
  env: { ST2_ACTION_EXECUTION_ID: execution, PATH: process.env.PATH ?? "" },
  gate: "opened\n",
};

function talkOf({ channel }: HandedProcess): TalkSoFar {
  if (channel === undefined) throw new Error("its channel was not handed over");
  return channel.talk;
}

const said = (report: TalkSoFar["report"]) => (report?.op === "result" ? (report.result as string[]) : []);

test("through a dozen hand-overs", async () => {
  const lines: string[] = [];
  let open = 0;
  // One for each life: what it is not told of, it does not know.
  const talkAfter = (before: TalkSoFar): ScriptChannel => {
    let { report } = before;
    return {
      async onLine(line, reply) {
        // Each line is also a report.
        report = { op: "result", result: [...said(report), line], status: null };
        lines.push(line);
        const n = Number(line.split(" ")[1]);
        if (Number.isNaN(n) || n % 3 !== 0) return;
        open++;
        await sleep(25);
        open--;
        reply(`answer ${n}`);
      },
      onOversize: () => {},
      soFar: () => ({ owner: before.owner, report }),
    };
  };
  const living = () => {
    const handOver = new AbortController();
    setTimeout(() => handOver.abort(), 30 + Math.random() * 40);
    return {
      stop: new AbortController().signal,
      started: async () => {},
      onOutput: () => {},
      handOver: handOver.signal,
    };
  };
  let handed: HandedProcess | null = null;
  let times = 0;
  for (;;) {
    const channel = talkAfter(handed === null ? { owner: "p.C", report: null } : talkOf(handed));
    try {
      const context = living();
      const { exit, output } =
        handed === null
          ? await runGated({ ...program, channel }, settings, context)
          : await followHanded(
              handed,
              adoptHanded(handed, settings.kernelSpawn),
              execution,
              settings,
              context,
              channel,
            );
      expect(channel.soFar()).toEqual({
        owner: "p.C",
        report: { op: "result", result: lines, status: null },
      });
      const numbers = Array.from({ length: asked }, (_, at) => at + 1);
      expect(lines).toEqual(["opened", ...numbers.map((n) => `line ${n}`)]);
      const answers = numbers.filter((n) => n % 3 === 0).map((n) => `got answer ${n}\n`);
      expect([exit.code, output.stdout.text]).toEqual([9, answers.join("")]);
      expect(times).toBeGreaterThan(5);
      return;
    } catch (error) {
      if (!(error instanceof HandedOver)) throw error;
      times++;
      expect(open).toBe(0);
      // As it goes through the file.
      handed = JSON.parse(JSON.stringify(error.process)) as HandedProcess;
    }
  }
});
