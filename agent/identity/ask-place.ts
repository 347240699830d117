/** Where an agent asks for a certificate beside its link. Pure. */

/** URLs, as the enrolment left them: of the hub's broker, and of where hosts enrol. */
export interface EnrolledAt {
  readonly hub: string;
  readonly enroll: string;
}

/**
 * Where it enrolled; when it is told that its broker is on another host by now, there. What was on the broker's own host
 * moves with it, and keeps its port when that was another than the link's.
 *
 * @param hub URL of the broker as configured now
 */
export function askPlace({ hub: before, enroll }: EnrolledAt, hub: string): string {
  const [old, place, now] = [new URL(before), new URL(enroll), new URL(hub)];
  // Nobody enrols over `mqtt://`, which leads to a tunnel's end on this machine.
  const isMoved = now.protocol === "mqtts:" && now.href !== old.href;
  if (!isMoved || place.hostname !== old.hostname) return enroll;
  if (portOf(place) === portOf(old)) return hub;
  return `${now.protocol}//${now.hostname}:${portOf(place)}`;
}

const portOf = ({ port }: URL) => (port === "" ? "8883" : port);
