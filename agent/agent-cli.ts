/** Entry of the command `petrel-agent`. */
import { runProgram } from "../shared/cli/program-cli.ts";
import { systemIo } from "../shared/cli/system-io-cli.ts";
import { createPetrelAgent } from "./commands-cli.ts";

const io = systemIo();
process.exitCode = await runProgram(createPetrelAgent(io), process.argv.slice(2), io);
