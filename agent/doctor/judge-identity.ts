/** Judges the identity of an agent: whether it has one, and how long it lasts. Pure. */
import { errorFound, type Found, fault, note, ok, warning } from "../../shared/doctor/finding.ts";
import { certificateAge } from "../identity/certificate-age.ts";
import type { Certificate } from "../identity/identity.ts";
import { type AgentCase, runningOf } from "./agent-case.ts";

export function enrolledFound(agentCase: AgentCase): readonly Found[] {
  const { fleet, data } = agentCase;
  if (fleet instanceof Error) return [errorFound(fleet, data, "enrol again: petrel-agent enroll --help")];
  if (fleet !== null) return [ok(`enrolled as ${fleet.agent}, with ${fleet.hub}`, data)];
  if (runningOf(agentCase)?.status.identity === null) {
    return [
      note(
        "it runs in dev mode: without an identity, on this machine only",
        data,
        "petrel-agent enroll --help",
      ),
    ];
  }
  return [
    fault(
      "it is not enrolled: no hub lets it in",
      data,
      "on the hub: petrel agent token; here what it prints: petrel-agent enroll --hub mqtts://HUB --token …",
    ),
  ];
}

/** `now`: milliseconds by this host's clock, which may be wrong. */
export function certificateFound(
  certificate: Pick<Certificate, "issuedAt" | "notAfter">,
  { now, where }: { readonly now: number; readonly where: string },
): readonly Found[] {
  const end = new Date(certificate.notAfter).toISOString();
  const age = certificateAge(certificate, now);
  if (age === "fresh") return [ok(`it lasts until ${end}`, where)];
  if (age === "over") {
    return [
      fault(
        `it ended at ${end}`,
        where,
        "start the agent: it renews it beside the link; if the hub refuses, enrol again under a new token",
      ),
    ];
  }
  return [
    warning(
      `it ends at ${end} and should have been renewed by now`,
      where,
      "see that the agent is linked: it renews its certificate by itself",
    ),
  ];
}
