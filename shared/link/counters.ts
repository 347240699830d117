/** What passed over links since the process started; one object may be shared by all links of a hub. */

export interface LinkCounters {
  entriesSent: number;
  /** Sent before, and not known to have arrived. */
  entriesSentAgain: number;
  packetsSent: number;
  /** Packets without entries, which ask for a receipt that did not come. */
  probesSent: number;
  receiptsReceived: number;
  entriesReceived: number;
  /** Had already: the receipt was late or lost. */
  entriesReceivedAgain: number;
  packetsReceived: number;
  /** Receipts that said: entries are missing, send again. */
  resendsAsked: number;
  /** Messages that came and were not taken, by code: forged, of another connection, repeated, not understood. */
  readonly refused: Record<string, number>;
}

export function linkCounters(): LinkCounters {
  return {
    entriesSent: 0,
    entriesSentAgain: 0,
    packetsSent: 0,
    probesSent: 0,
    receiptsReceived: 0,
    entriesReceived: 0,
    entriesReceivedAgain: 0,
    packetsReceived: 0,
    resendsAsked: 0,
    refused: {},
  };
}
