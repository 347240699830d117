/** All checks of `petrel doctor`, in the order in which they are shown. */
import type { Check } from "../../shared/doctor/run-checks.ts";
import { fleetChecks } from "./fleet.ts";
import type { HubFacts, HubHostFacts } from "./hub-facts.ts";
import { hostState, hubState } from "./state.ts";
import { weakFiles, weakSettings } from "./weak.ts";

/** While it does not run. */
export const hubHostChecks: readonly Check<HubHostFacts>[] = [...hostState, ...weakFiles];

export const hubChecks: readonly Check<HubFacts>[] = [
  ...hubState,
  ...hostState,
  ...weakSettings,
  ...weakFiles,
  ...fleetChecks,
];
