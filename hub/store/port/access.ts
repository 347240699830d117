/** Keys of the HTTP API, and the requests that were noted. */
import type { ApiKeyRecord, ApiRequestRecord } from "../../../shared/model/api-key.ts";
import type { Page, PageOf } from "./page.ts";
import type { Written } from "./written.ts";

/** Fields that are given must all fit. */
export interface ApiRequestFilter {
  readonly user?: string | undefined;
  readonly key?: string | undefined;
  readonly address?: string | undefined;
  readonly noun?: string | undefined;
  readonly verb?: string | undefined;
  readonly ref?: string | undefined;
  /** Only refusals. */
  readonly refused?: boolean | undefined;
}

/** Who may call the API, and what was called. */
export interface AccessStore {
  /** Keys of the HTTP API, in the order of their ids. */
  apiKeys(): Promise<readonly ApiKeyRecord[]>;
  putApiKey(key: ApiKeyRecord, expectRev: number | null): Promise<Written>;
  /** False when there is none. */
  removeApiKey(id: string): Promise<Written>;
  /**
   * Notes a request to the API; resolves once on disk. `isPlenty`: strangers can make as many of its kind as they like, so
   * it has a cap of its own and never pushes out the others.
   */
  noteApiRequest(request: ApiRequestRecord, isPlenty: boolean): Promise<void>;
  /** In the order of their ids. */
  apiRequests(filter: ApiRequestFilter, page: Page): Promise<PageOf<ApiRequestRecord>>;
}
