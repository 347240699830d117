/** Of everything the agent keeps; raised when old software could not read it any more. */
export const agentStoreFormat = 1;
