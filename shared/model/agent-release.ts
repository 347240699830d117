/** Binaries of the agent that a hub may hand out. */
import type { ReleaseManifest } from "../upgrade/manifest.ts";

/** One per version and architecture; its content is in the hub's blobs. */
export interface AgentRelease extends ReleaseManifest {
  /** Hub time. */
  readonly added_at: string;
  /** Who added it. */
  readonly added_by: string;
}
