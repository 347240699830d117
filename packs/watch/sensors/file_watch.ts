/** The watching sensor is part of the agent, which says where. */
const { FileWatch } = await import(`${process.env.PETREL_AGENT_SENSORS}/file-watch-main.ts`);

export { FileWatch };
