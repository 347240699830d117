/**
 * Has Linux audit tell of each access to the watched folders, beside auditd if that runs. By the operator's choice, since
 * it slows down what is watched. Everything it changed is put back at the end.
 */
import { statSync } from "node:fs";
import { getSystemErrorMap } from "node:util";
import type { Timers } from "../../../shared/timers.ts";
import { type BytePath, pathBuffer } from "../../../shared/watch/paths.ts";
import { type EventReader, readEvents } from "../kernel/event-reader-fs.ts";
import type { Libc } from "../kernel/libc-fs.ts";
import {
  type AuditAnswer,
  type AuditStatus,
  answer,
  audit,
  auditRequest,
  decodeAnswer,
  decodeStatus,
  errorOf,
  isOurs,
  statusChange,
  watchRule,
} from "./audit-messages.ts";
import { type AuditAccess, AuditRecords } from "./audit-records.ts";

export interface AuditFeedOptions {
  readonly libc: Libc;
  readonly timers: Timers;
  readonly roots: readonly BytePath[];
  readonly take: (access: AuditAccess) => void;
  readonly warn: (message: string) => void;
  /** Nothing is told of accesses any more. */
  readonly lost: (reason: string) => void;
}

const netlinkAudit = 9;
const recordsGroup = 1;
/** The default of 64 loses records, and the default wait stops those that write. */
const wantedBacklog = 8_192;
const answerMs = 3_000;
const alreadyThere = 17;

interface Waiting {
  readonly until: (found: AuditAnswer) => boolean;
  readonly found: AuditAnswer[];
  readonly done: (found: readonly AuditAnswer[] | null) => void;
}

export class AuditFeed {
  readonly #options: AuditFeedOptions;
  readonly #waiting = new Map<number, Waiting>();
  #records: EventReader | null = null;
  #answers: EventReader | null = null;
  #control = -1;
  #sequence = 0;
  #before: AuditStatus | null = null;
  #rules: Buffer[] = [];
  #isStopped = false;
  readonly #absent: BytePath[] = [];

  constructor(options: AuditFeedOptions) {
    this.#options = options;
  }

  /** Resolves once every access is told. Rejects, with everything as it was, where audit is not to be had. */
  async start(): Promise<void> {
    const { libc, timers, roots, warn } = this.#options;
    try {
      const fd = libc.netlinkSocket(netlinkAudit, 0);
      this.#control = libc.copyOf(fd);
      this.#answers = readEvents({
        libc,
        fd,
        pauseMs: 0,
        timers,
        onChunk: (bytes) => this.#answered(bytes),
        onError: ({ message }) => warn(`audit does not answer any more: ${message}`),
      });
      const status = await this.#status();
      if (status.enabled === 2) throw new Error("its rules are locked until the next boot (auditctl -e 2)");
      this.#listen();
      await this.#removeOld();
      this.#before = status;
      await this.#change({
        enabled: 1,
        backlogLimit: Math.max(status.backlogLimit, wantedBacklog),
        backlogWait: 0,
      });
      for (const root of roots) await this.#add(root);
      if (this.#rules.length === 0) throw new Error("none of the watched paths exists");
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Paths that did not exist at the start, and are not audited. */
  get absent(): readonly BytePath[] {
    return this.#absent;
  }

  /** Takes at once what was told up to now. */
  drain(): void {
    this.#records?.drain();
  }

  /** Never rejects. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    try {
      for (const rule of this.#rules.splice(0)) await this.#change(rule, audit.deleteRule);
      if (this.#before !== null) {
        const { enabled, backlogLimit, backlogWait } = this.#before;
        this.#before = null;
        await this.#change({ enabled, backlogLimit, backlogWait });
      }
    } catch (error) {
      this.#options.warn(
        `audit could not be put back: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
    await Promise.all([this.#records?.stop(), this.#answers?.stop()]);
    this.#records = null;
    this.#answers = null;
    if (this.#control !== -1) this.#options.libc.close(this.#control);
    this.#control = -1;
  }

  #listen(): void {
    const { libc, timers, take, warn, lost } = this.#options;
    const records = new AuditRecords();
    this.#records = readEvents({
      libc,
      fd: libc.netlinkSocket(netlinkAudit, recordsGroup),
      pauseMs: 0,
      timers,
      onChunk: (bytes) => {
        const access = records.take(bytes);
        if (access !== null) take(access);
      },
      onError: ({ message }) => {
        if (this.#isStopped) return;
        warn(`records of audit were lost (${message}): who made some changes is told less exactly`);
        try {
          this.#listen();
        } catch (error) {
          const reason = error instanceof Error ? error.message : String(error);
          warn(`audit is not heard any more: ${reason}`);
          lost(`it is not heard any more (${reason})`);
        }
      },
    });
  }

  async #add(root: BytePath): Promise<void> {
    const stats = statSync(pathBuffer(root), { throwIfNoEntry: false });
    if (stats === undefined) {
      this.#options.warn(`audit does not watch ${root}: it does not exist yet`);
      this.#absent.push(root);
      return;
    }
    const rule = watchRule(root, stats.isDirectory());
    await this.#change(rule, audit.addRule);
    this.#rules.push(rule);
  }

  /** Of a life that ended without putting things back. */
  async #removeOld(): Promise<void> {
    const rules = await this.#ask(
      audit.listRules,
      ({ type }) => type === answer.done || type === answer.error,
    );
    for (const { type, payload } of rules) {
      if (type === audit.listRules && isOurs(payload))
        await this.#change(Buffer.from(payload), audit.deleteRule);
    }
  }

  async #status(): Promise<AuditStatus> {
    const found = await this.#ask(audit.get, ({ type }) => type === audit.get || type === answer.error);
    const last = found.at(-1);
    if (last === undefined || last.type !== audit.get) {
      throw new Error(last === undefined ? "it does not answer" : errorName(errorOf(last)));
    }
    return decodeStatus(last.payload);
  }

  async #change(
    what: Partial<Omit<AuditStatus, "daemon">> | Buffer,
    type: number = audit.set,
  ): Promise<void> {
    const payload = Buffer.isBuffer(what) ? what : statusChange(what);
    const found = await this.#ask(type, (one) => one.type === answer.error, payload);
    const last = found.at(-1);
    const error = last === undefined ? 0 : errorOf(last);
    if (error !== 0 && !(type === audit.addRule && error === alreadyThere)) {
      throw new Error(`it refuses a request (${type}): ${errorName(error)}`);
    }
  }

  #ask(type: number, until: Waiting["until"], payload?: Buffer): Promise<readonly AuditAnswer[]> {
    const { libc, timers } = this.#options;
    const sequence = ++this.#sequence;
    return new Promise((resolve, reject) => {
      const done = (found: readonly AuditAnswer[] | null) => {
        cancel();
        this.#waiting.delete(sequence);
        if (found === null) reject(new Error("it does not answer"));
        else resolve(found);
      };
      const cancel = timers.after(answerMs, () => done(null));
      this.#waiting.set(sequence, { until, found: [], done });
      libc.send(this.#control, auditRequest(type, sequence, payload));
    });
  }

  #answered(bytes: Buffer): void {
    const one = decodeAnswer(bytes);
    const waiting = one === null ? undefined : this.#waiting.get(one.sequence);
    if (one === null || waiting === undefined) return;
    const { payload } = one;
    const kept = { ...one, payload: Buffer.from(payload) };
    waiting.found.push(kept);
    if (waiting.until(kept)) waiting.done(waiting.found);
  }
}

/** EPERM and the like. `errno`: as the kernel says it, or its negative. */
function errorName(errno: number): string {
  return getSystemErrorMap().get(-Math.abs(errno))?.[0] ?? `errno ${errno}`;
}
