/** The definition of the `Store` port: run against every implementation. */
import { describe } from "vitest";
import { accessCases } from "./store/access-cases.ts";
import { auditCases } from "./store/audit-cases.ts";
import { contentCases } from "./store/content-cases.ts";
import { executionCases } from "./store/execution-cases.ts";
import { fileCases } from "./store/file-cases.ts";
import { gatesCases } from "./store/gates-cases.ts";
import { historyCases } from "./store/history-cases.ts";
import { identityCases } from "./store/identity-cases.ts";
import { intakeCases } from "./store/intake-cases.ts";
import { ledgerCases } from "./store/ledger-cases.ts";
import { newsCases } from "./store/news-cases.ts";
import { purgeCases } from "./store/purge-cases.ts";
import { tallyCases } from "./store/tally-cases.ts";
import { throttleCases } from "./store/throttle-cases.ts";
import { upgradeCases } from "./store/upgrade-cases.ts";
import { verificationCases } from "./store/verification-cases.ts";
import type { OpenStore } from "./store/world.ts";

export function storeCases(name: string, open: OpenStore): void {
  describe(`the store on ${name}`, () => {
    intakeCases(open);
    ledgerCases(open);
    newsCases(open);
    historyCases(open);
    executionCases(open);
    gatesCases(open);
    tallyCases(open);
    throttleCases(open);
    fileCases(open);
    contentCases(open);
    purgeCases(open);
    verificationCases(open);
    accessCases(open);
    auditCases(open);
    identityCases(open);
    upgradeCases(open);
  });
}
