/** Changes of watched files, windows in which they are expected, and verifications of what is on disk. */
import type { ChangeWindow } from "../../../shared/model/change-window.ts";
import type { FileAck, FileChange } from "../../../shared/model/file-change.ts";
import type { AgentVerification, VerificationHead } from "../../../shared/model/file-verification.ts";
import type { Page, PageOf } from "./page.ts";
import type { Written } from "./written.ts";

/** Fields that are given must all fit. */
export interface FileChangeFilter {
  readonly agent?: string | undefined;
  /** Exactly this path, now or before it was renamed; with `agent` nothing else is read. */
  readonly path?: string | undefined;
  /** Only what nobody has acknowledged. */
  readonly unacknowledged?: boolean | undefined;
  /** Whatever else the change must be; asked for those that fit all of the above. */
  readonly fits?: ((change: FileChange) => boolean) | undefined;
}

/** Changes of files, what people say of them, and when they are expected. */
export interface FileStore {
  /** Changes of files: instances of `watch.file_changed`, without those that were emitted again. */
  fileChange(id: string): Promise<FileChange | null>;
  /** In the order of intake, as `instances`. */
  fileChanges(filter: FileChangeFilter, page: Page): Promise<PageOf<FileChange>>;
  /**
   * Writes all acknowledgements or none, and answers what holds now, in their order: what was acknowledged before keeps
   * its first one. The id of a change that does not exist instead, when there is one.
   */
  acknowledge(acks: readonly FileAck[]): Promise<readonly FileAck[] | string>;
  /** Windows for expected changes, in the order of their ids. */
  changeWindows(): Promise<readonly ChangeWindow[]>;
  putChangeWindow(window: ChangeWindow, expectRev: number | null): Promise<Written>;
}

/** Verifications: what was asked, and what agents have said. */
export interface VerificationStore {
  /** What was asked, and the last that was noted of each agent, by id; `null` when it is not known (any more). */
  verification(id: string): Promise<{
    readonly head: VerificationHead;
    readonly heard: readonly AgentVerification[];
  } | null>;
  putVerification(head: VerificationHead): Promise<void>;
  /** Each in the place of what was noted of its agent before. */
  noteVerified(id: string, heard: readonly AgentVerification[]): Promise<void>;
}
