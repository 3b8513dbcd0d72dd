// Runs the `main` of a program for wasm32-unknown-unknown: node run.mjs PROGRAM.wasm
import { readFileSync } from "node:fs";

const module = new WebAssembly.Module(readFileSync(process.argv[2]));
const imports = WebAssembly.Module.imports(module);
if (imports.length > 0) throw new Error(`the program asks for ${imports.map(({ name }) => name)}`);
const { exports } = new WebAssembly.Instance(module);
// A panic is a trap, which Node throws.
const code = exports.main(0, 0);
if (code !== 0) throw new Error(`main returned ${code}`);
console.log(`wasm32: both handshakes, a message and its echo, and a clean end in ${exports.memory.buffer.byteLength} bytes`);
