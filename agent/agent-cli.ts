/** Entry of the command `petrel-agent`. */
import { keepCompiledCode } from "../shared/cli/compile-cache-cli.ts";

keepCompiledCode();
const { runProgram } = await import("../shared/cli/program-cli.ts");
const { systemIo } = await import("../shared/cli/system-io-cli.ts");
const { createPetrelAgent } = await import("./commands-cli.ts");

const io = systemIo();
process.exitCode = await runProgram(createPetrelAgent(io), process.argv.slice(2), io);
