/** Entry of the command `petrel`. */
import { keepCompiledCode } from "../../shared/cli/compile-cache-cli.ts";

keepCompiledCode();
const { runProgram } = await import("../../shared/cli/program-cli.ts");
const { systemIo } = await import("../../shared/cli/system-io-cli.ts");
const { createPetrel } = await import("./nouns-cli.ts");

const io = systemIo();
process.exitCode = await runProgram(createPetrel(io), process.argv.slice(2), io);
