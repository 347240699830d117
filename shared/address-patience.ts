/**
 * For whoever connects to a host by name. Node gives each of its addresses 250 ms, and only the last one longer: over a
 * satellite or a bad mobile network none but the last was ever reached. Three addresses still fit into the 10 s that a
 * connection may take (RFC 8305 §5 has 2 s at most between attempts that go on side by side; Node's do not).
 */
export const addressPatience = { autoSelectFamilyAttemptTimeout: 2_500 } as const;
