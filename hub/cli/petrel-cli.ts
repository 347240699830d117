/** Entry of the command `petrel`. */
import { runProgram } from "../../shared/cli/program-cli.ts";
import { systemIo } from "../../shared/cli/system-io-cli.ts";
import { createPetrel } from "./nouns-cli.ts";

const io = systemIo();
process.exitCode = await runProgram(createPetrel(io), process.argv.slice(2), io);
