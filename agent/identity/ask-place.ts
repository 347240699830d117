/** Where an agent asks for a certificate beside its link. Pure. */

/** URLs, as the enrolment left them: of the hub's broker, and of where hosts enrol. */
export interface EnrolledAt {
  readonly hub: string;
  readonly enroll: string;
}

/**
 * In this order: when it is told that its broker is on another host by now, there, since what was on the broker's own host
 * moves with it, and keeps its port when that was another than the link's; then where it enrolled, which may have stayed.
 *
 * @param hub URL of the broker as configured now
 */
export function askPlaces({ hub: before, enroll }: EnrolledAt, hub: string): readonly string[] {
  const [old, place, now] = [new URL(before), new URL(enroll), new URL(hub)];
  // Nobody enrols over `mqtt://`, which leads to a tunnel's end on this machine.
  const isMoved = now.protocol === "mqtts:" && now.href !== old.href;
  if (!isMoved || place.hostname !== old.hostname) return [enroll];
  const moved = portOf(place) === portOf(old) ? hub : `${now.protocol}//${now.hostname}:${portOf(place)}`;
  return moved === enroll ? [enroll] : [moved, enroll];
}

/** What the first place answers that does; one after the other. Rejects as the first has when none does. */
export async function firstAnswer<T>(
  places: readonly string[],
  ask: (place: string) => Promise<T>,
): Promise<T> {
  const failures: unknown[] = [];
  for (const place of places) {
    try {
      return await ask(place);
    } catch (error) {
      failures.push(error);
    }
  }
  throw failures[0];
}

const portOf = ({ port }: URL) => (port === "" ? "8883" : port);
